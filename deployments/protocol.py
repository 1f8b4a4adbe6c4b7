"""What crosses between deployments, and what each of them offers.

Values are frozen dataclasses: small, picklable, the same in a process and across a
Ray handle.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.manifest import Manifest
from artifacts.policy import RoutingDecision
from deployments.catalog import Price, Timeouts
from deployments.errors import ServingError

CostSource = Literal["upstream", "price_table", "estimated", "unknown"]
# OpenAI's paths that a backend may answer, under its base URL.
Surface = Literal["chat/completions", "completions", "responses"]


@dataclass(frozen=True, slots=True)
class RequestTerms:
    """What this very request costs with each candidate, and where its cache is.

    `prices` follow the candidates. `home` is the model whose provider holds the
    conversation so far in its prompt cache; where that is not known, `first_text` is
    the conversation's first message, whose decision tells it.
    """

    prompt_tokens: int
    prices: tuple[Price, ...]
    max_cost_usd: float | None = None
    home: str | None = None
    first_text: str | None = None
    n_answers: int = 1


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """An artifact by its name, and all that a Router needs to load it.

    The name `default` is the Router's own, wherever that lies. `artifact_id`: what must
    lie there; None = whatever does.
    """

    name: str
    location: str = field(default="", repr=False)  # an address may hold a password
    artifact_id: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactChoice:
    """Who is to decide: the first of `deciding` that the Router holds, else its own.

    `shadow` decides too, if the Router holds it, and only for the record.
    """

    deciding: tuple[ArtifactRef, ...]
    shadow: ArtifactRef | None = None


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """One text to route; `candidates` None = every model of the artifact."""

    text: str
    alpha: float  # 0 = cheapest, 1 = best
    candidates: tuple[str, ...] | None = None
    terms: RequestTerms | None = None  # None: only the profile's averages count
    artifacts: ArtifactChoice | None = None  # None: the Router's own decides
    traceparent: str | None = None  # W3C's, of the span that waits; None: not traced


@dataclass(frozen=True, slots=True)
class RouteTimings:
    """Where a batch of route queries spent its time in the Router."""

    embed_s: float
    decide_s: float


@dataclass(frozen=True, slots=True)
class Routes:
    """Decisions in the order of the queries, and how long the batch took.

    Where a decision cannot be made, its error stands in its place.
    """

    decisions: tuple[RoutingDecision | ServingError, ...]
    timings: RouteTimings


def decided(outcome: RoutingDecision | ServingError) -> RoutingDecision:
    """The decision; raises the error that stands in its place."""
    if isinstance(outcome, ServingError):
        raise outcome
    return outcome


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What the artifact knows of one cluster; the tuples follow the ranking."""

    cluster: int
    similarity: float
    accuracy: tuple[float, ...]
    cost_usd: tuple[float, ...]
    count: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with the cells that it rests on, for `/v1/route`."""

    decision: RoutingDecision
    clusters: tuple[ClusterView, ...]
    timings: RouteTimings


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, in OpenAI's words; None = the upstream did not say."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


_NO_PRICE = Price()
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


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an answer used and cost; `cost_usd` None = unknown, never 0 for unknown."""

    usage: Usage | None
    cost_usd: float | None
    cost_source: CostSource
    provider: str | None = None
    generation_id: str | None = None  # the upstream's own id of the answer
    # Until the first byte of its answer; when, and not what, so never compared.
    upstream_s: float | None = field(default=None, compare=False)
    # Its own `usage`, of a stream: a whole answer holds that itself. Never read by us.
    said: dict[str, Any] | None = field(default=None, compare=False, repr=False)


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


class RouterLike(Protocol):
    """Decides which model answers."""

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision, or the error instead of it, for each query."""

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and why."""

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """Load an artifact, if need be; InvalidRequest says why it cannot be used.

        `anew`: as it lies there now, whatever was loaded from there before.
        """


class EmbedderLike(Protocol):
    """Turns texts into the vectors of one encoder."""

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts.

        `traces`: the `traceparent` of each span that waits for them.
        """
