"""What may be asked of usage records, and the answers. Knows nothing of SQL."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Dimension = Literal["day", "model", "tenant", "key_id", "cost_tier"]


@dataclass(frozen=True, slots=True)
class Page:
    """The first `limit` tenants of which there are records, by id; of those that
    follow `after`."""

    limit: int
    after: str = ""


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Requests that came from `start` (in it) to `end` (not in it), both with a zone.

    `by`: one row for each combination; none = one row for all. Days are those of
    `timezone` (an IANA name). A filter that is None lets everything through.
    `most_rows`: ValueError where there are more. `page`: of these tenants alone.
    """

    start: datetime
    end: datetime
    by: tuple[Dimension, ...] = ()
    tenant: str | None = None
    key_id: str | None = None
    model: str | None = None
    timezone: str = "UTC"
    most_rows: int | None = None
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Sums over the requests of one combination; dimensions not asked for are None.

    `model` None also stands for requests that no model answered. Sums are over what is
    known: `unknown_cost` and `unknown_tokens` count the requests that lack in them, and
    a sum of which nothing is known is None. What another model would have cost can be
    reckoned from the requests of which both cost and tokens are known: `comparable`.
    """

    requests: int
    failures: int
    cancelled: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    unknown_tokens: int
    cost_usd: float | None
    unknown_cost: int
    comparable: int
    comparable_prompt_tokens: int
    comparable_completion_tokens: int
    comparable_cost_usd: float
    day: date | None = None
    model: str | None = None
    tenant: str | None = None
    key_id: str | None = None
    cost_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """What a tenant spent. `reserved_usd` is of the requests whose cost is unknown."""

    cost_usd: float = 0.0
    requests: int = 0
    unknown_cost: int = 0
    reserved_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Charge:
    """What a record adds to what its tenant has spent; < 0 corrects an earlier one.

    While a cost is unknown it is what was reserved.
    """

    tenant: str
    replica: str
    at: float  # unix time at which the request came
    usd: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Usage records went in: `count` were new or of a higher revision."""

    count: int
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True)
class ShadowRow:
    """What a second artifact decided beside `artifact_id`, which decided.

    The costs are sums over the `comparable` requests: those of which both are known.
    """

    artifact_id: str
    requests: int
    agreements: int
    comparable: int
    cost_usd: float | None
    shadow_cost_usd: float | None
