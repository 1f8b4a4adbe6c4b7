"""All metrics of ours: names, labels, buckets. docs/observability.md explains each."""

from deployments.telemetry.family import Family

# In the place of a label's value that there is none for: Prometheus takes an empty one
# for a label that is not there.
NONE = "none"


# Ours is counted in milliseconds, an answer of a model in seconds to minutes: the last
# bounds are the longest that a catalog of ours waits.
_OURS_S = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02),
    *(0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
)
_FIRST_S = (
    *(0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5),
    *(2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0),
)
_ANSWER_S = (
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
    *(15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0),
)
_TEXTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_TOKENS = tuple(float(2**n) for n in range(3, 14))
# Fine where unit vectors of real texts lie; what is below a bound of the artifact is
# out of its distribution.
_COSINE = tuple(n / 20 for n in range(2, 21))

REQUESTS = Family(
    "avengers_requests_total",
    "counter",
    "Requests by their HTTP status; 499: the client left.",
    ("tenant", "model", "cost_tier", "status"),
)
REQUEST_DURATION = Family(
    "avengers_request_duration_seconds",
    "histogram",
    "From a request's arrival to the end of its answer.",
    ("model",),
    _ANSWER_S,
)
FIRST_TOKEN = Family(
    "avengers_time_to_first_token_seconds",
    "histogram",
    "From a request's arrival to the first byte of its streamed answer.",
    ("model",),
    _FIRST_S,
)
OVERHEAD = Family(
    "avengers_overhead_seconds",
    "histogram",
    "Time to the first byte of an answer, without the upstream's.",
    buckets=_OURS_S,
)
ROUTE_DURATION = Family(
    "avengers_route_duration_seconds",
    "histogram",
    "How long the Gateway waited for a decision.",
    buckets=_OURS_S,
)
DECISIONS = Family(
    "avengers_decisions_total",
    "counter",
    "Requests by the model that was to answer, and why that one.",
    ("model", "cost_tier", "cause"),
)
SIMILARITY = Family(
    "avengers_nearest_similarity",
    "histogram",
    "Cosine of a query and its nearest cluster.",
    buckets=_COSINE,
)
OUT_OF_DISTRIBUTION = Family(
    "avengers_out_of_distribution_total",
    "counter",
    "Decisions on a query that is unlike all training queries.",
)
SHADOW_DECISIONS = Family(
    "avengers_shadow_decisions_total",
    "counter",
    "Decisions of a shadow artifact, by whether it chose the same model.",
    ("agreed",),
)
EMBEDDED_TEXTS = Family(
    "avengers_embed_texts_total", "counter", "Texts whose vector was asked for."
)
CACHE_HITS = Family(
    "avengers_embed_cache_hits_total",
    "counter",
    "Texts whose vector was kept, beside the Router or in the Embedder.",
)
BATCH_SIZE = Family(
    "avengers_embed_batch_size",
    "histogram",
    "Texts that were encoded together.",
    buckets=_TEXTS,
)
BATCH_TOKENS = Family(
    "avengers_embed_batch_tokens",
    "histogram",
    "Tokens that were encoded together.",
    buckets=_TOKENS,
)
COST = Family(
    "avengers_cost_usd_total",
    "counter",
    "What answers cost, as known when they ended.",
    ("tenant", "model"),
)
UNPRICED = Family(
    "avengers_unpriced_answers_total",
    "counter",
    "Answers whose cost was not known when they ended.",
    ("model",),
)
SAVINGS = Family(
    "avengers_savings_usd_total",
    "counter",
    "By how much answers were cheaper than the tenant's reference model: an estimate.",
    ("tenant",),
)
EXCESS = Family(
    "avengers_excess_usd_total",
    "counter",
    "By how much answers were dearer than the tenant's reference model: an estimate.",
    ("tenant",),
)
TOKENS = Family(
    "avengers_tokens_total", "counter", "Tokens of prompts and answers.", ("direction",)
)
FALLBACKS = Family(
    "avengers_fallbacks_total",
    "counter",
    "Models that failed or were passed over, and who was tried next.",
    ("from", "to", "reason"),
)
BREAKER_STATE = Family(
    "avengers_breaker_state",
    "gauge",
    "Circuit breaker of a model: 0 closed, 1 half open, 2 open.",
    ("model",),
)
BUDGET_REMAINING = Family(
    "avengers_budget_remaining_usd",
    "gauge",
    "What is left of a tenant's budget in this period; the tightest tenants only.",
    ("tenant",),
)
BUDGET = Family(
    "avengers_budget_usd",
    "gauge",
    "A tenant's budget in this period; the tightest tenants only.",
    ("tenant",),
)
UNREADABLE_TENANTS = Family(
    "avengers_unreadable_tenants",
    "gauge",
    "Stored tenants that cannot be read, so that none of their keys opens.",
)
RECORDS_PENDING = Family(
    "avengers_usage_records_pending",
    "gauge",
    "Usage records in the journal that the Ledger has not taken yet.",
)
LEDGER_REACHABLE = Family(
    "avengers_ledger_reachable",
    "gauge",
    "1 while a Gateway replica hears of the Ledger, else 0.",
)
JOURNAL_WRITABLE = Family(
    "avengers_usage_journal_writable",
    "gauge",
    "1 while usage records can be written to the journal, else 0.",
)
MAX_ONGOING = Family(
    "avengers_gateway_max_ongoing_requests",
    "gauge",
    "Requests that a Gateway replica works on at once; what comes then waits.",
)

FAMILIES: tuple[Family, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Family)
)
