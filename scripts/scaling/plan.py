"""One deployment's work: what a request costs it, and what a replica can take."""

import math
from dataclasses import dataclass, field
from functools import cached_property

from scripts.scaling.constants import (
    DEPLOYMENTS,
    STREAMING,
    Assumptions,
    Constants,
    Way,
)
from scripts.scaling.demand import Demand
from scripts.scaling.queueing import batch_size, calls_in_flight
from scripts.scaling.traffic import Lengths

_ROUNDS, _CLOSE = 60, 1e-3
_MOST_IN_CALL = 64.0
ROUTE_TIMEOUT_S = 1.0  # GatewayLimits.route_timeout_s: then the default model answers
SCALED = ("Gateway", "Router", "Embedder", "OpenRouterBackend")


@dataclass(frozen=True)
class Workload:
    """CPU and time of a mean request in each part, at the traffic that is assumed."""

    constants: Constants
    assumptions: Assumptions
    demand: Demand
    lengths: Lengths = field(default_factory=Lengths)
    gpu: bool = False  # Qwen3-Embedding-8B on a GPU instead of MiniLM on a core
    way: Way = field(default_factory=Way)

    @property
    def knee(self) -> float:
        """The share of its capacity that a replica is to have."""
        return self.constants["knee.utilisation"]

    @cached_property
    def _answering_ms(self) -> dict[str, float]:
        streamed = self.assumptions.stream_share * self.demand.stream_s
        found = {}
        for name in self.way.parts((*DEPLOYMENTS, "Node")):
            found[name] = self.constants[self.way.plain(name)]
            if name in STREAMING:
                second = self.constants[self.way.stream_second(name)]
                found[name] += second * streamed
        return found

    def cpu_s(self, name: str, tokens: float | None = None) -> float:
        """CPU seconds of one request in a deployment; `tokens`: of its text."""
        cpu_ms = self._answering_ms[name]
        if name == "Embedder":
            cold = 1.0 - self.assumptions.cache_hit_share
            size = self.lengths.mean if tokens is None else tokens
            cpu_ms += cold * self.text_cpu_ms(size)
        return cpu_ms / 1e3

    def text_cpu_ms(self, tokens: float) -> float:
        """To embed one text; of a GPU if that does it."""
        if self.gpu:
            return 1e3 * tokens / self.assumptions.gpu_tokens_per_s
        return self.constants.embed_ms(tokens)

    def capacity(self, name: str) -> float:
        """Requests a second at which one replica's core is full."""
        return 1.0 / self.cpu_s(name)

    def rate(self, name: str) -> float:
        """Requests a second of one replica at the knee."""
        return self.knee * self.capacity(name)

    @cached_property
    def route_calls(self) -> int:
        """Route calls that each Gateway is to have in flight at most, so that as many
        Embedders can work as its share of the traffic needs."""
        return max(1, math.ceil(self.rate("Gateway") / self.rate("Embedder") - 0.05))

    @property
    def tokens_per_s(self) -> float:
        """That one Embedder encodes when its core is full, at the mean length."""
        mean = self.lengths.mean
        return 1e3 * mean / self.text_cpu_ms(mean)

    def start_s(self, name: str) -> float:
        """Of a replica on a node that is there."""
        if self.gpu and name == "Embedder":
            return self.assumptions.gpu_replica_start_s
        return self.constants["replica.start_s"]

    @property
    def delays_s(self) -> tuple[float, float]:
        """Of an idle route call, vectors cached: in the Router, in the Embedder."""
        embedder = self.constants["Embedder.call_ms"] / 1e3
        return self.constants["Router.call_ms"] / 1e3 - embedder, embedder


@dataclass(frozen=True, slots=True)
class Running:
    """Replicas of the parts of a route."""

    gateways: float
    routers: float
    embedders: float


@dataclass(frozen=True, slots=True)
class RouteCall:
    """A shared call of a Gateway to Router and Embedder, in a steady state."""

    seconds: float
    embedder_s: float
    batch: float
    in_flight: float  # of one Gateway
    busy: float  # chance that all that it may have are in flight


def route_capacity(workload: Workload, running: Running, tokens: float) -> float:
    """Requests a second: a call is one Embedder's work, so never more of them work than
    there are calls."""
    calls = running.gateways * workload.route_calls
    embedders = min(running.embedders, calls) / workload.cpu_s("Embedder", tokens)
    return min(running.routers / workload.cpu_s("Router"), embedders)


def route_call(
    workload: Workload, rate: float, running: Running, tokens: float
) -> RouteCall:
    """`rate`: of one Gateway. A fixed point: a call takes as long as its batch makes it
    and as others hold the replicas, and its batch is as large as it takes."""
    router_delay, embedder_delay = workload.delays_s
    router_cpu = workload.cpu_s("Router")
    embedder_cpu = workload.cpu_s("Embedder", tokens)
    slots = workload.route_calls
    router_s = router_delay + router_cpu
    embedder_s = embedder_delay + embedder_cpu
    for _ in range(_ROUNDS):
        seconds = router_s + embedder_s
        one = calls_in_flight(rate / slots, seconds)
        batch = min(_MOST_IN_CALL, batch_size(rate / slots, seconds))
        calls = running.gateways * slots * one
        router_s = (router_s + router_delay) / 2 + batch * router_cpu / 2 * max(
            1.0, calls * router_s / seconds / max(1.0, running.routers)
        )
        embedder_s = (embedder_s + embedder_delay) / 2 + batch * embedder_cpu / 2 * max(
            1.0, calls * embedder_s / seconds / max(1.0, running.embedders)
        )
        if abs(router_s + embedder_s - seconds) < _CLOSE * seconds:
            break
    return RouteCall(seconds, embedder_s, batch, slots * one, one**slots)
