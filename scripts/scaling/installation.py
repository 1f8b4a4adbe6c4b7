"""Puts an installation together for a simulation: settings, replicas, nodes, policy."""

import math
from dataclasses import dataclass

import numpy as np
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from deployments.routing.embedder_scaling import TokenPolicy
from scripts.scaling.autoscaler import Autoscaler, Clock, virtual_clock
from scripts.scaling.events import Events
from scripts.scaling.fleet import Fleet, Nodes
from scripts.scaling.fluid import Course, Fluid, Part
from scripts.scaling.leases import Metered, refused_share
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.settings import Goal, derive
from scripts.scaling.traffic import Bursts, Traffic, day

_DRAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A day, or a part of it, of one installation."""

    workload: Workload
    mean_rate: float
    bursts: Bursts
    policy: str = "default"  # or "tokens": of the Embedder
    metered: Metered | None = None
    seconds: int = 86_400
    seed: int = 0

    @property
    def goal(self) -> Goal:
        """What it has to take: the day's top with a burst on it, and its low."""
        least, most = 0.25 * self.mean_rate, 1.75 * self.mean_rate
        return Goal(least, most * self.bursts.factor, self.bursts)

    def traffic(self) -> Traffic:
        """The same at each call."""
        return day(
            self.mean_rate,
            rng=np.random.default_rng(self.seed),
            bursts=self.bursts,
            lengths=self.workload.lengths,
            seconds=self.seconds,
        )


def token_policy(workload: Workload) -> AutoscalingPolicy:
    """Of the Embedder: by tokens, at the load of the knee."""
    capacity = workload.knee * workload.tokens_per_s
    kwargs = {"capacity": capacity, "drain_s": _DRAIN_S}
    return AutoscalingPolicy(policy_function=TokenPolicy, policy_kwargs=kwargs)


def _parts(
    scenario: Scenario,
    first_rate: float,
    clock: Clock,
    nodes: Nodes,
    gpu_nodes: Nodes | None,
) -> dict[str, Part]:
    parts = {}
    for name in SCALED:
        settings = derive(scenario.workload, name, scenario.goal)
        config = settings.autoscaling()
        if name == "Embedder" and scenario.policy == "tokens":
            fields = config.model_dump(exclude={"policy"})
            policy = token_policy(scenario.workload)
            config = AutoscalingConfig(**fields, policy=policy)
        on = gpu_nodes if gpu_nodes and name == "Embedder" else nodes
        fleet = Fleet(on, 1.0, scenario.workload.start_s(name))
        wanted = math.ceil(first_rate / scenario.workload.rate(name))
        begin = min(max(wanted, config.min_replicas), config.max_replicas)
        fleet.begin(begin)
        scaler = Autoscaler(name, config, clock, begin)
        parts[name] = Part(fleet, scaler, settings.max_ongoing_requests)
    return parts


def _nodes(scenario: Scenario) -> tuple[Nodes, Nodes | None]:
    assumed = scenario.workload.assumptions
    nodes = Nodes(assumed.node_cores, assumed.node_start_s)
    gpus = Nodes(1.0, assumed.gpu_node_start_s) if scenario.workload.gpu else None
    return nodes, gpus


def run_fluid(scenario: Scenario) -> Course:
    """In steps of a second."""
    traffic = scenario.traffic()
    rng = np.random.default_rng([scenario.seed, 1])
    limited = np.zeros(len(traffic.rate))
    if scenario.metered:
        limited = refused_share(
            traffic.rate,
            mean_rate=scenario.mean_rate,
            per_gateway=scenario.workload.rate("Gateway"),
            metered=scenario.metered,
            rng=rng,
        )
    nodes, gpu_nodes = _nodes(scenario)
    with virtual_clock() as clock:
        parts = _parts(scenario, float(traffic.rate[0]), clock, nodes, gpu_nodes)
        fluid = Fluid(
            scenario.workload,
            parts,
            nodes,
            gpu_nodes,
            lambda second: float(limited[second]),
        )
        return fluid.run(traffic, rng, clock)


def run_events(scenario: Scenario) -> tuple[Course, Events]:
    """Request by request; without limits."""
    traffic = scenario.traffic()
    nodes, gpu_nodes = _nodes(scenario)
    with virtual_clock() as clock:
        parts = _parts(scenario, float(traffic.rate[0]), clock, nodes, gpu_nodes)
        events = Events(scenario.workload, parts, nodes, scenario.seed)
        return events.run(traffic, clock), events
