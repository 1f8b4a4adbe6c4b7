"""Puts an installation together for a simulation: settings, replicas, nodes, policy."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from deployments.routing.token_policy import TokenPolicy
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
    embedder_stretch: float = 1.0  # of what one Embedder is to have

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


def _autoscaling(
    scenario: Scenario, name: str, config: AutoscalingConfig
) -> AutoscalingConfig:
    """Serve's, with the Embedder's target or policy as the scenario has them."""
    if name != "Embedder":
        return config
    changes: dict[str, Any] = config.model_dump(exclude={"policy"})
    stretch = scenario.embedder_stretch
    changes["target_ongoing_requests"] *= stretch
    if scenario.policy == "tokens":
        capacity = scenario.workload.knee * scenario.workload.tokens_per_s * stretch
        kwargs = {"capacity": capacity, "drain_s": _DRAIN_S}
        policy = AutoscalingPolicy(policy_function=TokenPolicy, policy_kwargs=kwargs)
        changes["policy"] = policy
    return AutoscalingConfig(**changes)


@dataclass(frozen=True, slots=True)
class Pools:
    """Of nodes with cores, and with one GPU each."""

    nodes: Nodes
    gpu_nodes: Nodes | None

    @classmethod
    def of(cls, load: Workload) -> "Pools":
        """Empty."""
        assumed = load.assumptions
        gpus = Nodes(1.0, assumed.gpu_node_start_s) if load.gpu else None
        return cls(Nodes(assumed.node_cores, assumed.node_start_s), gpus)


def _parts(
    scenario: Scenario, first_rate: float, clock: Clock, pools: Pools
) -> dict[str, Part]:
    parts = {}
    load = scenario.workload
    for name in SCALED:
        settings = derive(load, name, scenario.goal)
        config = _autoscaling(scenario, name, settings.autoscaling())
        on = pools.gpu_nodes if pools.gpu_nodes and name == "Embedder" else pools.nodes
        fleet = Fleet(on, 1.0, load.start_s(name))
        wanted = math.ceil(first_rate / load.rate(name))
        begin = min(max(wanted, config.min_replicas), config.max_replicas)
        fleet.begin(begin)
        scaler = Autoscaler(name, config, clock, begin)
        parts[name] = Part(fleet, scaler, settings.max_ongoing_requests)
    return parts


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
    load = scenario.workload
    pools = Pools.of(load)
    with virtual_clock() as clock:
        parts = _parts(scenario, float(traffic.rate[0]), clock, pools)
        fluid = Fluid(
            load, parts, pools.nodes, pools.gpu_nodes, lambda at: float(limited[at])
        )
        return fluid.run(traffic, rng, clock)


def run_events(scenario: Scenario) -> tuple[Course, Events]:
    """Request by request; without limits."""
    traffic = scenario.traffic()
    pools = Pools.of(scenario.workload)
    with virtual_clock() as clock:
        parts = _parts(scenario, float(traffic.rate[0]), clock, pools)
        events = Events(scenario.workload, parts, pools.nodes, scenario.seed)
        return events.run(traffic, clock), events
