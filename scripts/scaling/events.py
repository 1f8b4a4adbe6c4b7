"""The same installation request by request, to check the flows of `fluid.py`.

Each Gateway replica gathers what comes while its route calls are under way, as
`deployments.coalescing` does, but known and new texts together, and until a
call ends however slow it is: decisions wait a little longer here. Replicas are queues
of their own, the least loaded takes the next request. The autoscaling is the same code
of Serve's, asked every `CONTROL_S` as its controller does.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from deployments.routing.token_policy import QUEUED_TOKENS, TOKENS_PER_S
from scripts.scaling.autoscaler import Clock
from scripts.scaling.course import Course, Part
from scripts.scaling.fleet import Cores, Nodes
from scripts.scaling.plan import ROUTE_TIMEOUT_S, SCALED, Workload
from scripts.scaling.traffic import Traffic

CONTROL_S = 0.5
_MOST_IN_CALL = 64


@dataclass(slots=True)
class _Gateway:
    """What one replica gathers."""

    waiting: deque[tuple[float, float, float]] = field(default_factory=deque)
    calls: int = 0


class Events:
    """Runs the parts that `fluid.Fluid` runs, too."""

    def __init__(
        self, workload: Workload, parts: dict[str, Part], nodes: Nodes, seed: int
    ) -> None:
        self._workload = workload
        self._parts = parts
        self._nodes = nodes
        self._rng = np.random.default_rng(seed)
        self._cores = {name: Cores() for name in SCALED}
        self._gateways: list[_Gateway] = []
        self._queue: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._ongoing = dict.fromkeys(SCALED, 0)
        self._queued_tokens = self._encoded = 0.0
        self.waits_s: list[float] = []
        self.fallbacks = self.over_capacity = 0

    def run(self, traffic: Traffic, clock: Clock) -> Course:
        """All of it; waits are in `waits_s`, one for each request."""
        course = Course.of(len(traffic.rate))
        course.offered[:] = traffic.rate
        for second in range(len(traffic.rate)):
            self._arrive(second, traffic)
            for part in range(round(1 / CONTROL_S)):
                now = second + part * CONTROL_S
                clock.now = now
                self._control(now)
                self._until(now + CONTROL_S)
            for name in SCALED:
                course.replicas[name][second] = self._parts[name].fleet.all
            course.cores[second] = self._nodes.size
        return course

    def _arrive(self, second: int, traffic: Traffic) -> None:
        scale = traffic.tokens[second] / self._workload.lengths.mean
        number = self._rng.poisson(traffic.rate[second])
        lengths = self._workload.lengths.sample(self._rng, number)
        tokens = np.minimum(lengths * scale, self._workload.lengths.window)
        for at, size in zip(
            self._rng.uniform(second, second + 1, number), tokens, strict=True
        ):
            self._at(float(at), lambda now, size=float(size): self._come(now, size))

    def _at(self, when: float, do: Callable[[float], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), do))

    def _until(self, end: float) -> None:
        while self._queue and self._queue[0][0] < end:
            when, _, do = heapq.heappop(self._queue)
            do(when)

    def _control(self, now: float) -> None:
        self._nodes.step(now)
        stats = {
            QUEUED_TOKENS: self._queued_tokens,
            TOKENS_PER_S: self._encoded / CONTROL_S,
        }
        self._encoded = 0.0
        for name, part in self._parts.items():
            part.fleet.step(now)
            self._cores[name].resize(part.fleet.running, now)
            if part.scaler:
                part.scaler.run_replicas(part.fleet.running)
                part.scaler.observe(
                    self._ongoing[name], stats if name == "Embedder" else {}
                )
                part.fleet.aim(part.scaler.decide(), now)
        running = self._parts["Gateway"].fleet.running
        while len(self._gateways) < running:
            self._gateways.append(_Gateway())

    def _come(self, now: float, tokens: float) -> None:
        gateway = self._parts["Gateway"]
        if self._ongoing["Gateway"] >= gateway.max_ongoing * gateway.fleet.running:
            self.over_capacity += 1
            return
        self._ongoing["Gateway"] += 1
        cpu_s = self._workload.cpu_s("Gateway")
        done = self._cores["Gateway"].work(now, cpu_s)
        waited = done - now - cpu_s
        replica = self._gateways[int(self._rng.integers(gateway.fleet.running))]
        self._at(done, lambda at: self._gather(at, replica, tokens, waited))

    def _gather(
        self, now: float, replica: _Gateway, tokens: float, waited: float
    ) -> None:
        replica.waiting.append((now, tokens, waited))
        if replica.calls < self._workload.route_calls:
            self._call(now, replica)

    def _call(self, now: float, replica: _Gateway) -> None:
        batch = []
        while replica.waiting and len(batch) < _MOST_IN_CALL:
            came, tokens, waited = replica.waiting.popleft()
            if now - came > ROUTE_TIMEOUT_S:  # has been given up, nobody waits for it
                self.fallbacks += 1
                self._ask(now, waited + ROUTE_TIMEOUT_S)
            else:
                batch.append((came, tokens, waited))
        if not batch:
            return
        replica.calls += 1
        router_delay, _ = self._workload.delays_s
        self._ongoing["Router"] += 1
        cpu_s = len(batch) * self._workload.cpu_s("Router")
        done = self._cores["Router"].work(now + router_delay, cpu_s)
        self._at(done, lambda at: self._embed(at, replica, batch))

    def _embed(
        self, now: float, replica: _Gateway, batch: list[tuple[float, float, float]]
    ) -> None:
        self._ongoing["Embedder"] += 1
        cached = self._workload.assumptions.cache_hit_share
        cold = [size for _, size, _ in batch if self._rng.random() >= cached]
        self._queued_tokens += sum(cold)
        cpu_s = len(batch) * self._workload.constants["Embedder.cpu_ms_plain"] / 1e3
        cpu_s += sum(self._workload.text_cpu_ms(size) for size in cold) / 1e3
        _, delay = self._workload.delays_s
        done = self._cores["Embedder"].work(now + delay, cpu_s)
        self._at(done, lambda at: self._routed(at, replica, batch, sum(cold)))

    def _routed(
        self,
        now: float,
        replica: _Gateway,
        batch: list[tuple[float, float, float]],
        tokens: float,
    ) -> None:
        self._ongoing["Embedder"] -= 1
        self._ongoing["Router"] -= 1
        self._queued_tokens -= tokens
        self._encoded += tokens
        for came, _, waited in batch:
            late = now - came > ROUTE_TIMEOUT_S
            self.fallbacks += late
            self._ask(now, waited + min(now - came, ROUTE_TIMEOUT_S))
        replica.calls -= 1
        self._call(now, replica)

    def _ask(self, now: float, waited: float) -> None:
        self._ongoing["OpenRouterBackend"] += 1
        cpu_s = self._workload.cpu_s("OpenRouterBackend")
        done = self._cores["OpenRouterBackend"].work(now, cpu_s)
        self.waits_s.append(waited + done - now - cpu_s)
        upstream_s = float(self._rng.exponential(self._workload.demand.upstream_s))
        self._at(done + upstream_s, self._answered)

    def _answered(self, _now: float) -> None:
        self._ongoing["OpenRouterBackend"] -= 1
        self._ongoing["Gateway"] -= 1
