"""Times one routing decision: vector in, RoutingDecision out, on one core.

Every combination of models, clusters and policy is timed with random tables and
random unit vectors: the time depends on their sizes only. Embedding is not included.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from artifacts.artifact import RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.policy import PaperPolicy
from scripts.bench.random_artifact import random_artifact, random_units
from scripts.option_types import result_file, whole

POLICIES = (PaperPolicy(), CalibratedPolicy())


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds of one decision among all models."""

    policy: str
    models: int
    clusters: int
    dimension: int
    p50_us: float
    p99_us: float


def time_decisions(artifact: RoutingArtifact, n: int) -> Timing:
    """`n` decisions, each of another vector; a tenth more goes before, to warm up."""
    policy = artifact.manifest.policy
    dimension = artifact.centroids.shape[1]
    vectors = random_units(np.random.default_rng(2), n, dimension)
    for vector in vectors[: n // 10]:
        artifact.choose(vector, 0.5)
    taken = np.empty(n)
    for i, vector in enumerate(vectors):
        start = time.perf_counter()
        artifact.choose(vector, 0.5)
        taken[i] = time.perf_counter() - start
    p50, p99 = (np.percentile(taken, [50, 99]) * 1e6).round(1).tolist()
    sizes = len(artifact.models), len(artifact.centroids), dimension
    return Timing(policy.kind, *sizes, p50, p99)


def main() -> None:
    """Time all combinations, print the table, write it where --json says."""
    options = _parser().parse_args()
    timings = [
        time_decisions(
            random_artifact(
                policy, models=models, clusters=clusters, dimension=options.dimension
            ),
            options.decisions,
        )
        for models in options.models
        for clusters in options.clusters
        for policy in POLICIES
    ]
    _print(timings)
    if options.json:
        text = json.dumps(
            {"decisions": [asdict(timing) for timing in timings]}, indent=2
        )
        options.json.write_text(text + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench/decision")
    parser.add_argument(
        "--models", type=whole(1, 100_000), nargs="+", default=[8, 10, 30, 200]
    )
    parser.add_argument(
        "--clusters", type=whole(1, 1_000_000), nargs="+", default=[60, 1024, 10000]
    )
    parser.add_argument(
        "--dimension", type=whole(1, 100_000), default=384, help="of the vectors"
    )
    parser.add_argument(
        "--decisions", type=whole(1, 10**9), default=2000, help="for each line"
    )
    parser.add_argument(
        "--json", type=result_file, metavar="FILE", help="write the figures"
    )
    return parser


def _print(timings: Sequence[Timing]) -> None:
    table = Table(title="One decision, microseconds")
    for name in ("models", "clusters", "policy", "p50", "p99"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for t in timings:
        figures = f"{t.p50_us:.0f}", f"{t.p99_us:.0f}"
        table.add_row(str(t.models), str(t.clusters), t.policy, *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
