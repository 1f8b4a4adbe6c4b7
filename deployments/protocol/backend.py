"""What is asked of a backend, and what it answers."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from deployments.catalog import Price, Timeouts

CostSource = Literal["upstream", "price_table", "estimated", "unknown"]
# OpenAI's paths that a backend may answer, under its base URL.
Surface = Literal["chat/completions", "completions", "responses"]
# The field of each in which the prompt is.
PROMPT_FIELDS: Mapping[Surface, str] = MappingProxyType(
    {"chat/completions": "messages", "completions": "prompt", "responses": "input"}
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, in OpenAI's words; None = the upstream did not say."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None  # of the prompt, as cached_tokens are


@dataclass(frozen=True, slots=True)
class Surcharges:
    """What a request asks for that the price of its model's tokens may not cover.

    `extras`: the upstream is to do more than write text (search, run tools, speak).
    """

    service_tier: str | None = None  # that is asked for
    priced_tier: str | None = None  # that the price is of
    extras: bool = False


_NO_PRICE = Price()
NO_SURCHARGES = Surcharges()
_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class BackendRequest:
    """A request for one model of one backend.

    `body` is the client's JSON with `model` replaced by the upstream's id.
    `secret` names the environment variable with the tenant's own key, if it has one:
    a key itself never crosses.
    """

    request_id: str
    model: str  # public id
    upstream_model: str
    body: bytes
    price: Price = _NO_PRICE
    timeouts: Timeouts = _TIMEOUTS
    surface: Surface = "chat/completions"
    secret: str | None = None
    traceparent: str | None = None  # W3C's, of the span that waits; None: not traced
    surcharges: Surcharges = NO_SURCHARGES


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an answer used and cost; `cost_usd` None = unknown, never 0 for unknown.

    `early`: it went on after that was told, and told nothing more before it failed.
    """

    usage: Usage | None
    cost_usd: float | None
    cost_source: CostSource
    provider: str | None = None
    generation_id: str | None = None  # the upstream's own id of the answer
    # Until the first byte of its answer; when, and not what, so never compared.
    upstream_s: float | None = field(default=None, compare=False)
    # Its own `usage`, of a stream: a whole answer holds that itself. Never read by us.
    said: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    early: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: the upstream's JSON, `model` replaced by the public id."""

    body: bytes
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Ending:
    """The last frame of a stream and its settlement: one message less to send."""

    frame: bytes
    settlement: Settlement


class Backend(Protocol):
    """Answers requests. All methods raise ServingError."""

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer at once."""

    def stream(self, request: BackendRequest) -> AsyncIterator["Item"]:
        """Whole SSE events, several to a frame; last, exactly one Settlement, alone or
        in an Ending.

        `[DONE]` and the usage-only event are left to the gateway.
        """

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """What an answer that broke off was charged; None if the upstream can't say."""


Item = bytes | Settlement | Ending


def settlement_of(end: Settlement | Ending) -> Settlement:
    """Of the last item of a stream."""
    return end.settlement if isinstance(end, Ending) else end
