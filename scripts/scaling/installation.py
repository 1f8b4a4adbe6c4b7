"""Puts an installation together for a simulation: settings, replicas, nodes, policy."""

import math
from dataclasses import dataclass, replace

import numpy as np
from ray.serve.config import AutoscalingConfig

from scripts.scaling.autoscaler import Autoscaler, Clock, virtual_clock
from scripts.scaling.course import Course, Part
from scripts.scaling.events import Events
from scripts.scaling.fleet import Fleet, Nodes
from scripts.scaling.fluid import Fluid
from scripts.scaling.leases import Metered, refused_share
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.settings import Goal, Settings, derive
from scripts.scaling.traffic import Bursts, Traffic, day


@dataclass(frozen=True, slots=True)
class Scenario:
    """A day, or a part of it, of one installation."""

    workload: Workload
    mean_rate: float
    bursts: Bursts
    policy: str = "tokens"  # of the Embedder; or "default", which counts calls
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


def _autoscaling(scenario: Scenario, settings: Settings) -> AutoscalingConfig:
    """Serve's, with the Embedder's policy and what it is given as the scenario has
    them."""
    stretch, policy = scenario.embedder_stretch, settings.policy
    if policy is None:
        return settings.autoscaling()
    capacity = policy.kwargs["capacity"] * stretch
    policy = replace(policy, kwargs=policy.kwargs | {"capacity": capacity})
    return replace(
        settings,
        target_ongoing_requests=settings.target_ongoing_requests * stretch,
        policy=policy if scenario.policy == "tokens" else None,
    ).autoscaling()


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
        config = _autoscaling(scenario, settings)
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
