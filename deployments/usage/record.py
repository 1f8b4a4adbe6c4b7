"""Usage records: what each request used and cost. They hold no prompt and no answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import orjson

from deployments.protocol.backend import CostSource, Settlement, Usage

Status = Literal["answered", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One request. `id` is ours and unique; `request_id` may be the client's.

    A record may be written again with a higher `revision` when more is known; the
    highest counts. None = unknown, never 0 for unknown.
    """

    id: str
    request_id: str
    at: float  # unix time at which the request came
    tenant: str
    key_id: str
    cost_tier: str | None
    alpha: float
    surface: str
    stream: bool
    requested_model: str
    status: Status
    latency_s: float
    revision: int = 0
    model: str | None = None  # None: no model has answered
    backend: str | None = None
    provider: str | None = None
    cause: str | None = None  # routed, requested, fallback
    error: str | None = None  # its code
    first_byte_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None  # of all that was charged
    failed_cost_usd: float = 0.0  # the part of it for models that failed before
    cost_source: CostSource = "unknown"
    failures: tuple[str, ...] = ()  # "model=reason", in order
    artifact_id: str | None = None
    clusters: tuple[int, ...] = ()
    out_of_distribution: bool = False
    similarity: float | None = None  # to the nearest of the clusters, a cosine
    reserved_usd: float = 0.0  # counts while the cost is unknown: the most it may be
    replica: str = ""  # of the Gateway that answered: the holder of its leases
    shadow_artifact_id: str | None = None  # of a second artifact that decided too
    shadow_model: str | None = None  # what that would have chosen
    shadow_agrees: bool | None = None  # with the decision, whoever answered then
    # What `shadow_model` would have cost for the tokens of the answer: an estimate.
    shadow_cost_usd: float | None = None

    def to_json(self) -> bytes:
        """One line without its line end."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, line: bytes) -> "UsageRecord":
        """The inverse; ValueError for anything else.

        Fields that are not known, a newer release's, are left out: what was used counts
        all the same.
        """
        stated = orjson.loads(line)
        if not isinstance(stated, dict):
            raise ValueError("not a usage record: no JSON object")
        fields = {name: stated[name] for name in stated if name in _WRITTEN}
        for name, value in fields.items():
            if type(value) not in _WRITTEN[name]:
                raise _of_another_type(name)
        for name, kind in _ITEMS.items():
            if name in fields:
                fields[name] = items = tuple(fields[name])
                if not all(type(item) is kind for item in items):
                    raise _of_another_type(name)
        try:
            return cls(**fields)
        except TypeError as error:  # one is missing
            raise ValueError(f"not a usage record: {error}") from None


def _json_types(kind: Any) -> Iterator[type]:
    """As what a field of this type may stand in JSON."""
    if isinstance(kind, UnionType):
        for each in get_args(kind):
            yield from _json_types(each)
    elif get_origin(kind) is Literal:
        yield str  # a newer release may know another word
    elif get_origin(kind) is tuple:
        yield list
    elif kind is float:
        yield from (int, float)
    else:
        yield kind


_TYPES = get_type_hints(UsageRecord)
# What `to_json` writes of each field; true is no number.
_WRITTEN = {name: frozenset(_json_types(kind)) for name, kind in _TYPES.items()}
_ITEMS = {"failures": str, "clusters": int}


def _of_another_type(name: str) -> ValueError:
    return ValueError(f"not a usage record: {name} is of another type")


def settled_fields(settlement: Settlement) -> dict[str, Any]:
    """The fields of a record that a settlement fills."""
    usage = settlement.usage or _NOTHING_SAID
    return {
        "provider": settlement.provider,
        "cost_usd": settlement.cost_usd,
        "cost_source": settlement.cost_source,
        "prompt_tokens": usage.prompt_tokens if settlement.usage else None,
        "completion_tokens": usage.completion_tokens if settlement.usage else None,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


_NOTHING_SAID = Usage(0, 0, 0)


def charged_usd(record: UsageRecord) -> float:
    """What a record counts against a budget: its cost, or while that is unknown the
    most that it may have been."""
    return record.reserved_usd if record.cost_usd is None else record.cost_usd
