"""A day in steps of a second: flows instead of requests, so its cost does not depend on
the rate.

In each step the arrivals (Poisson), each deployment's backlog, and Little's law give
what is under way; formulas of queues give the waits that a flow does not have. What the
autoscaling sees and decides is Serve's own code. `scripts/scaling/events.py` does the
same request by request, to check this.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deployments.routing.token_policy import QUEUED_TOKENS, TOKENS_PER_S
from scripts.scaling.autoscaler import Clock
from scripts.scaling.course import Course, Part
from scripts.scaling.fleet import Nodes
from scripts.scaling.plan import (
    ROUTE_TIMEOUT_S,
    SCALED,
    RouteCall,
    Running,
    Workload,
    route_call,
    route_capacity,
)
from scripts.scaling.queueing import POINTS, wait_points
from scripts.scaling.traffic import Traffic

DECIDE_S = 2  # Serve looks at every replica for it: thousands of them, all day long


@dataclass(slots=True)
class Fluid:
    """The installation; `limited(second)` is the share that tenants' limits refuse."""

    workload: Workload
    parts: dict[str, Part]
    nodes: Nodes
    gpu_nodes: Nodes | None
    limited: Callable[[int], float]
    upstream: float = 0.0  # requests that wait for their model

    def run(self, traffic: Traffic, rng: np.random.Generator, clock: Clock) -> Course:
        """All seconds of the traffic."""
        arrivals = traffic.arrivals(rng)
        course = Course.of(len(arrivals))
        for second, offered in enumerate(arrivals):
            now = float(second)
            clock.now = now
            self._step_replicas(now)
            self._step(second, float(offered), float(traffic.tokens[second]), course)
            self._note(second, course)
        return course

    def _step_replicas(self, now: float) -> None:
        self.nodes.step(now)
        if self.gpu_nodes:
            self.gpu_nodes.step(now)
        for part in self.parts.values():
            part.fleet.step(now)
            if part.scaler and now % DECIDE_S == 0:
                part.scaler.run_replicas(part.fleet.running)
                part.fleet.aim(part.scaler.decide(), now)

    def _step(self, second: int, offered: float, tokens: float, course: Course) -> None:
        course.offered[second] = offered
        refused = offered * self.limited(second)
        course.over_limit += refused
        admitted = self._admit(offered - refused, course)
        gateway, backend = self.parts["Gateway"], self.parts["OpenRouterBackend"]
        gateway_cpu = self.workload.cpu_s("Gateway")
        backend_cpu = self.workload.cpu_s("OpenRouterBackend")
        let_in = gateway.serve(admitted, gateway_cpu)
        waits, routed = self._route(let_in, tokens, course)
        self._upstream(backend.serve(routed, backend_cpu))
        waits = waits + _queue(gateway, gateway_cpu, admitted)
        course.waits_s[second] = waits + _queue(backend, backend_cpu, routed)

    @property
    def _inside(self) -> float:
        """Requests that have come in and are not answered."""
        return self.upstream + sum(part.backlog for part in self.parts.values())

    def _admit(self, offered: float, course: Course) -> float:
        """Gateways that hold all they may refuse the rest."""
        gateway = self.parts["Gateway"]
        room = gateway.max_ongoing * gateway.fleet.running - self._inside
        admitted = min(offered, max(0.0, room))
        course.over_capacity += offered - admitted
        return admitted

    def _route(
        self, rate: float, tokens: float, course: Course
    ) -> tuple[NDArray[np.float64], float]:
        """The waits for a decision, and how many requests go on to a model."""
        running = Running(*(self.parts[name].fleet.running for name in SCALED[:3]))
        embedder = self.parts["Embedder"]
        capacity = route_capacity(self.workload, running, tokens)
        served = min(embedder.backlog + rate, capacity)
        waiting = embedder.backlog + rate - served
        given_up = max(0.0, waiting - ROUTE_TIMEOUT_S * capacity)
        embedder.backlog = waiting - given_up
        each = rate / max(1, running.gateways)
        call = route_call(self.workload, each, running, tokens)
        points = route_points(call) + embedder.backlog / capacity
        late = float((points > ROUTE_TIMEOUT_S).mean())
        course.fallbacks += given_up + late * served
        self._observe(rate, tokens, call, served)
        return np.minimum(points, ROUTE_TIMEOUT_S), served + given_up

    def _upstream(self, asked: float) -> None:
        left = math.exp(-1.0 / self.workload.demand.upstream_s)
        self.upstream = self.upstream * left + asked * (1 + left) / 2

    def _observe(
        self, rate: float, tokens: float, call: RouteCall, served: float
    ) -> None:
        """What each deployment's requests are, as Serve counts them."""
        gateway, backend = self.parts["Gateway"], self.parts["OpenRouterBackend"]
        own_s = self.workload.constants["Gateway.own_ms"] / 1e3
        waiting = self.parts["Embedder"].backlog
        most = gateway.fleet.running * self.workload.route_calls
        calls = most if waiting else gateway.fleet.running * call.in_flight
        in_embedder = calls * call.embedder_s / call.seconds
        ongoing = {
            "Gateway": self._inside + rate * own_s,
            "Router": calls,
            "Embedder": in_embedder,
            "OpenRouterBackend": backend.backlog + self.upstream,
        }
        cold = (1 - self.workload.assumptions.cache_hit_share) * tokens
        stats = {
            # What a Gateway gathers is not seen by the Embedder.
            QUEUED_TOKENS: cold * in_embedder * call.batch,
            TOKENS_PER_S: cold * served,
        }
        for name, value in ongoing.items():
            if scaler := self.parts[name].scaler:
                scaler.observe(value, stats if name == "Embedder" else {})

    def _note(self, second: int, course: Course) -> None:
        for name in SCALED:
            course.replicas[name][second] = self.parts[name].fleet.all
        course.cores[second] = self.nodes.size
        course.gpus[second] = self.gpu_nodes.size if self.gpu_nodes else 0.0


def route_points(call: RouteCall) -> NDArray[np.float64]:
    """Of the route: the rest of the call under way, if one is to be waited for, and
    one's own."""
    busy = round(POINTS * call.busy)
    rest = np.zeros(POINTS)
    if busy:
        rest[POINTS - busy :] = (np.arange(busy) + 0.5) / busy * call.seconds
    return rest + call.seconds


def _queue(part: Part, cpu_s: float, rate: float) -> NDArray[np.float64]:
    running = max(1, part.fleet.running)
    points = wait_points(running, part.load(rate, cpu_s), cpu_s)
    return points + part.backlog * cpu_s / running
