"""What the Gateway counts of requests and decisions."""

from collections.abc import Callable, Iterator, Sequence

from artifacts.policy import RoutingDecision
from deployments.backends.breaker import Breakers
from deployments.telemetry.families import (
    BREAKER_STATE,
    COST,
    DECISIONS,
    EXCESS,
    FALLBACKS,
    FIRST_TOKEN,
    JOURNAL_WRITABLE,
    LEDGER_REACHABLE,
    MAX_ONGOING,
    NONE,
    OUT_OF_DISTRIBUTION,
    OVERHEAD,
    RECORDS_PENDING,
    REQUEST_DURATION,
    REQUESTS,
    ROUTE_DURATION,
    SAVINGS,
    SHADOW_DECISIONS,
    SIMILARITY,
    TOKENS,
    UNPRICED,
)
from deployments.telemetry.family import Family
from deployments.telemetry.tally import Labels, Silent, Tally
from deployments.usage.record import UsageRecord
from serve_app.answering.failure import Failure
from serve_app.health import Health

_BREAKER = {"closed": 0.0, "half-open": 1.0, "open": 2.0}


class GatewayMetrics:
    """Of one Gateway."""

    def __init__(self, tally: Tally | None = None) -> None:
        self.tally = tally or Silent()

    def routed(self, seconds: float) -> None:
        """A decision was waited for, whether it came or not."""
        self.tally.observe(ROUTE_DURATION, seconds)

    def decided(
        self,
        model: str,
        cost_tier: str | None,
        cause: str,
        decision: RoutingDecision | None,
    ) -> None:
        """`model` is to answer."""
        self.tally.count(DECISIONS, (model, cost_tier or NONE, cause))
        if decision is None:
            return
        if decision.similarities:
            self.tally.observe(SIMILARITY, decision.similarities[0])
        if decision.out_of_distribution:
            self.tally.count(OUT_OF_DISTRIBUTION)
        if decision.shadow is not None:
            self.shadow(agreed=decision.shadow.agrees)

    def shadow(self, *, agreed: bool) -> None:
        """A shadow artifact has decided, too."""
        self.tally.count(SHADOW_DECISIONS, ("true" if agreed else "false",))

    def refused(self, tenant: str, status: int) -> None:
        """A request ended before any model was chosen."""
        self.tally.count(REQUESTS, (tenant, NONE, NONE, str(status)))

    def ended(
        self,
        record: UsageRecord,
        tenant: str,
        status: int,
        failures: Sequence[Failure],
    ) -> None:
        """A request ended that models were chosen for; `tenant` is its label."""
        count, observe = self.tally.count, self.tally.observe
        model = record.model or NONE
        count(REQUESTS, (tenant, model, record.cost_tier or NONE, str(status)))
        if record.model is not None:
            observe(REQUEST_DURATION, record.latency_s, (model,))
            if record.stream and record.first_byte_s is not None:
                observe(FIRST_TOKEN, record.first_byte_s, (model,))
            self._charged(record, tenant, model)
        for place, failure in enumerate(failures):
            after = failures[place + 1].model if place + 1 < len(failures) else model
            count(FALLBACKS, (failure.model, after, failure.reason))

    def overhead(self, seconds: float) -> None:
        """Time to the first byte, without the upstream's."""
        self.tally.observe(OVERHEAD, max(0.0, seconds))

    def saved(self, tenant: str, usd: float) -> None:
        """What the reference model would have cost more; less than 0: less."""
        self.tally.count(SAVINGS, (tenant,), usd)
        self.tally.count(EXCESS, (tenant,), -usd)

    def watch_breakers(self, breakers: Breakers) -> None:
        """Tell the states of models; tenants have further ones of their own."""

        def read() -> Iterator[tuple[Family, Labels, float]]:
            for key, state in breakers.states().items():
                if " " not in key:
                    yield BREAKER_STATE, (key,), _BREAKER[state]

        self.tally.watch(read)

    def watch_health(self, health: Callable[[], Health]) -> None:
        """Tell how the way of usage records to the Ledger fares."""

        def read() -> Iterator[tuple[Family, Labels, float]]:
            now = health()
            yield RECORDS_PENDING, (), float(now.usage_records_pending)
            yield LEDGER_REACHABLE, (), float(now.ledger_reachable)
            yield JOURNAL_WRITABLE, (), float(now.usage_problem is None)

        self.tally.watch(read)

    def watch_bound(self, max_ongoing_requests: Callable[[], int]) -> None:
        """Tell how many requests are worked on at once: Serve says how many are."""

        def read() -> Iterator[tuple[Family, Labels, float]]:
            yield MAX_ONGOING, (), float(max_ongoing_requests())

        self.tally.watch(read)

    def _charged(self, record: UsageRecord, tenant: str, model: str) -> None:
        count = self.tally.count
        if record.cost_usd is None:
            count(UNPRICED, (model,))
        else:
            count(COST, (tenant, model), record.cost_usd)
        for direction, tokens in (
            ("prompt", record.prompt_tokens),
            ("completion", record.completion_tokens),
            ("cached", record.cached_tokens),
            ("reasoning", record.reasoning_tokens),
        ):
            if tokens:
                count(TOKENS, (direction,), tokens)
