"""Times one routing decision: vector in, RoutingDecision out, on one core.

Every combination of models, clusters and policy is timed with random tables and
random unit vectors: the time depends on their sizes only. Embedding is not included.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
from rich.console import Console
from rich.table import Table

from artifacts.artifact import Manifest, ModelEntry, Provenance, RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import Vectors, unit_rows
from artifacts.encoder_spec import EncoderSpec
from artifacts.familiarity import Familiarity
from artifacts.policy import PaperPolicy
from artifacts.profiles import ClusterProfiles
from artifacts.smoother import Smoother
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


def random_artifact(
    policy: PaperPolicy | CalibratedPolicy,
    *,
    models: int,
    clusters: int,
    dimension: int,
) -> RoutingArtifact:
    """An artifact of the given sizes with made-up tables."""
    rng = np.random.default_rng(0)
    accuracy = rng.uniform(0.2, 0.9, (clusters, models))
    cost_usd = rng.uniform(1e-5, 1e-2, (clusters, models))
    profiles = ClusterProfiles(
        accuracy=accuracy,
        cost_usd=cost_usd,
        count=rng.integers(0, 100, (clusters, models)),
        prior_accuracy=accuracy,
        prior_cost_usd=cost_usd,
        prompt_tokens=cost_usd,
        completion_tokens=cost_usd,
        smoother=_random_smoother(accuracy, dimension)
        if policy.kind == "calibrated"
        else None,
        familiarity=_familiarity(clusters),
    )
    names = [f"model-{i:04d}" for i in range(models)]
    manifest = Manifest(
        artifact_id="0" * 64,
        created=datetime.now(UTC),
        encoder=_spec(dimension),
        models=tuple(ModelEntry(model=name, n_records=1) for name in names),
        n_clusters=clusters,
        n_init=1,
        seed=0,
        policy=policy,
        out_of_distribution_quantile=0.01,
        provenance=Provenance(
            sources=("random",),
            digest="0" * 64,
            queries={"random": 1},
            train_fraction=1,
            n_train=1,
            n_test=0,
        ),
        metrics={},
        libraries={},
    )
    return RoutingArtifact(manifest, _units(rng, clusters, dimension), profiles)


def _familiarity(clusters: int) -> Familiarity:
    """Such that random vectors are familiar: the usual way is timed."""
    levels = np.linspace(0, 1, 120)
    size = np.ones(clusters, dtype=np.int64)
    return Familiarity(np.stack([levels, levels / 2 - 0.1]), size)


def _random_smoother(accuracy: np.ndarray, dimension: int) -> Smoother:
    rng = np.random.default_rng(1)
    landmarks, models = CalibratedPolicy().n_landmarks, accuracy.shape[1]
    weights = rng.normal(0, 0.1, (3, landmarks, models))
    return Smoother(
        landmarks=_units(rng, landmarks, dimension),
        kernel_mean=np.full(landmarks, 0.1),
        basis=rng.normal(0, 0.1, (landmarks, landmarks)),
        accuracy_mean=np.full(models, 0.5),
        accuracy_weight=weights[0],
        variance_mean=np.full(models, 1e-3),
        variance_weight=weights[1] ** 2,
        cost_root_mean=np.ones(models),
        cost_root_weight=weights[2],
        cost_scale_usd=np.geomspace(1e-5, 1e-2, models),
        cell_accuracy=accuracy,
        trade_off=np.linspace(0, 1, 41),
        sharpness=16.0,
        cost_unit_usd=1e-3,
    )


def _spec(dimension: int) -> EncoderSpec:
    return EncoderSpec(
        kind="onnx",
        id="random",
        revision=None,
        dimension=dimension,
        max_tokens=256,
        pooling="mean",
        prompt="",
        dtype="int8",
        digest="0" * 64,
    )


def _units(rng: np.random.Generator, n: int, dimension: int) -> Vectors:
    return unit_rows(rng.normal(size=(n, dimension)).astype(np.float32))


def time_decisions(artifact: RoutingArtifact, n: int) -> Timing:
    """`n` decisions, each of another vector; a tenth more goes before, to warm up."""
    policy = artifact.manifest.policy
    dimension = artifact.centroids.shape[1]
    vectors = _units(np.random.default_rng(2), n, dimension)
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
