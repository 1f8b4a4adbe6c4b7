"""One day as flows and request by request, and two policies, beside each other."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import numpy as np

from scripts.scaling.course import Course
from scripts.scaling.installation import Scenario, run_events, run_fluid
from scripts.scaling.outcome import Outcome, outcome
from scripts.scaling.plan import Workload
from scripts.scaling.traffic import Bursts

_NEAR, _REPLICA = 0.25, 0.75
_LONGER, _HALF_HOURS = (1.0, 2.5), 4
# Of what a replica is to have, so that both policies are seen with like numbers.
_POLICIES, _STRETCHES = ("default", "tokens"), (0.85, 1.0, 1.2)
T = TypeVar("T")


def simulated(scenario: Scenario) -> tuple[Course, Outcome]:
    """One day as flows."""
    course = run_fluid(scenario)
    found = outcome(
        course,
        mean_rate=scenario.mean_rate,
        ledger_cpu_s=scenario.workload.cpu_s("Ledger"),
        assumptions=scenario.workload.assumptions,
    )
    return course, found


def check_table(load: Workload, seed: int) -> tuple[str, bool]:
    """Flows beside requests: half an hour with bursts; whether they agree."""
    lines = [
        "| requests/s | Embedders: flows / requests | wait p50, ms | wait p99, ms "
        "| late |",
        "|---|---|---|---|---|",
    ]
    agree = True
    for rate in (50.0, 100.0):
        bursts = Bursts(a_day=144)
        scenario = Scenario(load, rate, bursts, seconds=1800, seed=seed)
        _, flows = simulated(scenario)
        counted, events = run_events(scenario)
        p50, p99 = (1e3 * float(np.quantile(events.waits_s, q)) for q in (0.5, 0.99))
        mean = float(counted.replicas["Embedder"].mean())
        late = events.fallbacks / len(events.waits_s)
        ours = flows.replicas_mean["Embedder"]
        near = abs(ours - mean) <= max(_REPLICA, _NEAR * mean)
        agree &= near and 0.5 < flows.wait_p50_ms / p50 < 2.0
        lines.append(
            f"| {rate:.0f} | {ours:.2f} / {mean:.2f} "
            f"| {flows.wait_p50_ms:.1f} / {p50:.1f} "
            f"| {flows.wait_p99_ms:.0f} / {p99:.0f} "
            f"| {flows.fallback_share:.2%} / {late:.2%} |"
        )
    return "\n".join(lines), agree


def policies_table(load: Workload, seed: int) -> str:
    """Serve's default policy for the Embedder beside one by tokens, request by request,
    each with what a replica is to have stretched: at like replicas, who has fewer late
    decisions?"""
    lines = [
        "| texts in bursts | policy | target × | Embedders, mean | routing late |",
        "|---|---|---|---|---|",
    ]
    cases = [
        (tokens_factor, policy, stretch)
        for tokens_factor in _LONGER
        for policy in _POLICIES
        for stretch in _STRETCHES
    ]
    scenarios = [
        Scenario(
            load,
            100.0,
            Bursts(a_day=144, tokens_factor=tokens_factor),
            policy=policy,
            seconds=1800,
            seed=seed + at,
            embedder_stretch=stretch,
        )
        for tokens_factor, policy, stretch in cases
        for at in range(_HALF_HOURS)
    ]
    found = np.array(in_processes(_embedders_and_late, scenarios))
    means = found.reshape(len(cases), _HALF_HOURS, 2).mean(axis=1)
    for (longer, policy, stretch), (replicas, late) in zip(cases, means, strict=True):
        texts = "as ever" if longer == 1.0 else f"{longer:g} × as long"
        lines.append(
            f"| {texts} | {policy} | {stretch:g} | {replicas:.2f} | {late:.2%} |"
        )
    return "\n".join(lines)


def _embedders_and_late(scenario: Scenario) -> tuple[float, float]:
    course, events = run_events(scenario)
    late = events.fallbacks / len(events.waits_s)
    return float(course.replicas["Embedder"].mean()), late


def in_processes(
    work: Callable[[Scenario], T], scenarios: Sequence[Scenario]
) -> list[T]:
    """As many at a time as there are cores."""
    workers = min(len(scenarios), os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=quiet) as pool:
        return list(pool.map(work, scenarios))


def quiet() -> None:
    """Serve tells of each decision."""
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
