"""Judging methods on rows that they have not seen, over several random splits."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans, Vectors, unit_rows
from artifacts.dataset import RoutingDataset
from artifacts.errors import BadInput
from artifacts.evaluation.baselines import (
    ORACLE,
    ModelMeans,
    baseline_curves,
    means_of_profiles,
    means_of_training,
    single_curves,
)
from artifacts.evaluation.curves import Curve, HeldOut, held_out, routed
from artifacts.evaluation.measures import Yardstick, measure
from artifacts.evaluation.results import EvaluationResult, SplitResult
from artifacts.evaluation.routers import (
    AuthorsCode,
    Method,
    NearestNeighbours,
    PolicyMethod,
    Router,
    Training,
)
from artifacts.evaluation.split_pool import each_seed
from artifacts.policy import PaperPolicy, rank
from artifacts.profiles_fit import profile_clusters

Progress = Callable[[int, int], None]  # splits done, splits in all

# Most of what α changes happens near 0: a model at 1 % of the highest price has a
# scaled cost of 0.01. A grid of 0.01 alone understates every method there.
ALPHAS = tuple(
    sorted({round(i / 100, 3) for i in range(101)} | {i / 1000 for i in range(100)})
)


def default_methods() -> dict[str, Method]:
    """What is compared unless told otherwise; baselines come on top."""
    return {
        "paper": PolicyMethod(PaperPolicy()),
        "calibrated": PolicyMethod(CalibratedPolicy()),
        "authors-code": AuthorsCode(),
        "knn": NearestNeighbours(),
    }


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """One split, one clustering and one fit of each method for each seed.

    `n_processes` of one thread each share the seeds, and hold a copy of the vectors
    each; their number changes no figure. None: all is done in the calling process,
    with its threads (figures may differ in the last bits).
    """

    seeds: tuple[int, ...] = tuple(range(10))
    train_fraction: float = 0.7
    alphas: tuple[float, ...] = ALPHAS
    kmeans: KMeans = field(default_factory=KMeans)  # its seed is replaced
    methods: Mapping[str, Method] = field(default_factory=default_methods)
    n_processes: int | None = None


def comparable(artifact: RoutingArtifact, test: RoutingDataset) -> HeldOut:
    """What an artifact can be judged on, which takes no vectors to know.

    BadInput: the records lack a model, or a row on which all were measured.
    """
    missing = sorted(set(artifact.models) - set(test.models))
    if missing:
        raise BadInput(f"the records lack models of the artifact: {', '.join(missing)}")
    return held_out(test.with_models(artifact.models))


def judge(
    artifact: RoutingArtifact,
    test: RoutingDataset,
    vectors: Vectors,
    *,
    alphas: tuple[float, ...] = ALPHAS,
) -> SplitResult:
    """An existing artifact on rows it was not fitted on, and the baselines beside it.

    `vectors` are the unit rows of `test`. The best and the cheapest single model are
    chosen by the artifact's own training data. BadInput: see `comparable`.
    """
    rows = comparable(artifact, test)
    policy = artifact.manifest.policy
    judged = vectors[rows.rows]
    choices = [rank(artifact.score(judged, alpha)[0])[:, 0] for alpha in alphas]
    curve = routed(rows, np.array(alphas), np.stack(choices))
    means = means_of_profiles(artifact.profiles)
    setting = _Setting(artifact.manifest.seed, means, artifact.centroids)
    return _result(setting, rows, {policy.kind: curve})


def evaluate(
    dataset: RoutingDataset,
    vectors: Vectors,
    config: EvaluationConfig,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Fit and judge every method on its own splits; `vectors` are unit rows (n, d).

    Processes are spawned: the caller's main module must be importable. BadInput: too
    few queries for the clusters, a model without any score, costs whose sums are not
    finite.
    """
    run = partial(_run_split, dataset, vectors, config)
    done: dict[int, SplitResult] = {}
    for split in _each(run, config):
        done[split.seed] = split
        if progress is not None:
            progress(len(done), len(config.seeds))
    splits = tuple(done[seed] for seed in config.seeds)
    fraction = config.train_fraction
    return EvaluationResult(dataset.models, config.alphas, splits, fraction)


def _each(
    run: Callable[[int], SplitResult], config: EvaluationConfig
) -> Iterable[SplitResult]:
    if config.n_processes is None:
        return map(run, config.seeds)
    return each_seed(run, config.seeds, config.n_processes)


def _run_split(
    dataset: RoutingDataset, vectors: Vectors, config: EvaluationConfig, seed: int
) -> SplitResult:
    train_rows, test_rows = dataset.split(config.train_fraction, seed)
    kmeans = replace(config.kmeans, seed=seed)
    training = _training(dataset.take(train_rows), vectors[train_rows], kmeans)
    rows = held_out(dataset.take(test_rows))
    test_vectors = vectors[test_rows][rows.rows]
    knob = np.array(config.alphas)
    curves = {
        name: routed(rows, knob, _fitted(method, training).choose(test_vectors, knob))
        for name, method in config.methods.items()
    }
    means = means_of_training(training.dataset, training.profiles)
    return _result(_Setting(seed, means, training.centroids), rows, curves)


def _fitted(method: Method, training: Training) -> Router:
    try:
        return method.fit(training)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _training(train: RoutingDataset, vectors: Vectors, kmeans: KMeans) -> Training:
    try:
        clustering = kmeans.fit(vectors)
        profiles = profile_clusters(train, clustering.labels, kmeans.n_clusters)
    except ValueError as error:
        raise BadInput(str(error)) from None
    means = clustering.means
    return Training(train, vectors, means, unit_rows(means), profiles)


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """What the methods of one split have in common."""

    seed: int
    means: ModelMeans
    centroids: Vectors


def _result(
    setting: _Setting, rows: HeldOut, routed_curves: Mapping[str, Curve]
) -> SplitResult:
    curves = {**routed_curves, **baseline_curves(rows, setting.means)}
    singles = single_curves(rows)
    rivals = [curve for name, curve in curves.items() if name != ORACLE]
    best = setting.means.best
    yardstick = Yardstick.of(rows, best, rivals)
    return SplitResult(
        seed=setting.seed,
        n_test=len(rows.rows) + rows.n_skipped,
        n_skipped=rows.n_skipped,
        best_single=rows.models[best],
        collections=rows.collections,
        curves=curves,
        metrics={name: measure(curve, yardstick) for name, curve in curves.items()},
        singles=singles,
        single_metrics={
            name: measure(curve, yardstick) for name, curve in singles.items()
        },
        centroids=setting.centroids,
    )
