"""What is asked of the Router and of the Embedder, and what they answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.manifest import Manifest
from artifacts.policy import RoutingDecision
from deployments.catalog import Price
from deployments.errors import ServingError


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
    """One text to route; `candidates` None = every model of the artifact.

    `scores`: whether the figures of each model are wanted with the ranking. Most
    requests only act on it, and with many models the figures cost more to send than
    to make. `explain` always has them.
    """

    text: str
    alpha: float  # 0 = cheapest, 1 = best
    candidates: tuple[str, ...] | None = None
    terms: RequestTerms | None = None  # None: only the profile's averages count
    artifacts: ArtifactChoice | None = None  # None: the Router's own decides
    scores: bool = True
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
        """Unit rows (n, d), in the order of the texts; a row of nan for a text that has
        no vector. Where none has one, it raises why.

        `traces`: the `traceparent` of each span that waits for them.
        """


class QueueingEmbedder(EmbedderLike, Protocol):
    """One at whose encoder texts wait for their turn."""

    async def embed(
        self,
        texts: Sequence[str],
        traces: Sequence[str] = (),
        within_s: float | None = None,
    ) -> NDArray[np.float32]:
        """See EmbedderLike; a text whose turn does not come `within_s` has no vector.
        None: however long it takes."""
