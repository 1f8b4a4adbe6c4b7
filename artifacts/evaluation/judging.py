"""Judging methods on rows that they have not seen, over several random splits."""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial

import faiss
import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.evaluation.baselines import (
    ModelMeans,
    baseline_curves,
    means_of_profiles,
    means_of_records,
)
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans, Vectors, unit_rows
from artifacts.evaluation.curves import Curve, HeldOut, held_out, routed
from artifacts.dataset import RoutingDataset
from artifacts.errors import BadInput
from artifacts.evaluation.measures import Metrics, Yardstick, measure
from artifacts.policy import PaperPolicy
from artifacts.profiles import profile_clusters
from artifacts.evaluation.routers import (
    AuthorsCode,
    ClusterRouter,
    Method,
    NearestNeighbours,
    PolicyMethod,
    Training,
)

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
    """One split, one clustering and one fit of each method for each seed."""

    seeds: tuple[int, ...] = tuple(range(10))
    train_fraction: float = 0.7
    alphas: tuple[float, ...] = ALPHAS
    kmeans: KMeans = field(default_factory=KMeans)  # its seed is replaced
    methods: Mapping[str, Method] = field(default_factory=default_methods)
    n_workers: int = 1  # processes


@dataclass(frozen=True, slots=True, eq=False)
class SplitResult:
    """All methods on one set of held-out rows."""

    seed: int
    n_test: int
    n_skipped: int  # held-out rows on which some model was not measured
    best_single: str  # the most accurate model on the training rows
    singles: Mapping[str, tuple[float, float]]  # model → held-out accuracy, cost
    curves: Mapping[str, Curve]
    metrics: Mapping[str, Metrics]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationResult:
    """One SplitResult for each seed, in the order of the seeds."""

    models: tuple[str, ...]
    alphas: tuple[float, ...]
    splits: tuple[SplitResult, ...]


def judge(
    artifact: RoutingArtifact,
    test: RoutingDataset,
    vectors: Vectors,
    *,
    alphas: tuple[float, ...] = ALPHAS,
) -> SplitResult:
    """An existing artifact on rows it was not fitted on, and the baselines beside it.

    `vectors` are the unit rows of `test`. The best and the cheapest single model are
    chosen by the artifact's own training data. BadInput if the records lack a model.
    """
    missing = sorted(set(artifact.models) - set(test.models))
    if missing:
        raise BadInput(f"the records lack models of the artifact: {', '.join(missing)}")
    rows = held_out(test.with_models(artifact.models))
    policy = artifact.manifest.policy
    router = ClusterRouter(policy, artifact.centroids, artifact.profiles)
    knob = np.array(alphas)
    curve = routed(rows, knob, router.choose(vectors[rows.rows], knob))
    means = means_of_profiles(artifact.profiles)
    return _result(artifact.manifest.seed, rows, means, {policy.kind: curve})


def evaluate(
    dataset: RoutingDataset,
    vectors: Vectors,
    config: EvaluationConfig,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Fit and judge every method on its own splits; `vectors` are unit rows (n, d).

    With `n_workers` > 1, processes are spawned: the caller's main module must be
    importable. BadInput: too few queries for the clusters, a model without any score.
    """
    run = partial(_run_split, dataset, vectors, config)
    done: dict[int, SplitResult] = {}
    for split in _each(run, config):
        done[split.seed] = split
        if progress is not None:
            progress(len(done), len(config.seeds))
    splits = tuple(done[seed] for seed in config.seeds)
    return EvaluationResult(dataset.models, config.alphas, splits)


def _each(
    run: Callable[[int], SplitResult], config: EvaluationConfig
) -> Iterator[SplitResult]:
    if config.n_workers <= 1:
        yield from map(run, config.seeds)
        return
    # Forking would copy the threads' locks of FAISS and OpenMP.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        config.n_workers, mp_context=context, initializer=_one_thread
    ) as pool:
        futures = [pool.submit(run, seed) for seed in config.seeds]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _one_thread() -> None:
    """Each process computes on one core: the processes are the parallelism."""
    faiss.omp_set_num_threads(1)


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
        name: routed(rows, knob, method.fit(training).choose(test_vectors, knob))
        for name, method in config.methods.items()
    }
    return _result(seed, rows, means_of_records(training.dataset), curves)


def _training(train: RoutingDataset, vectors: Vectors, kmeans: KMeans) -> Training:
    try:
        clustering = kmeans.fit(vectors)
        profiles = profile_clusters(train, clustering.labels, kmeans.n_clusters)
    except ValueError as error:
        raise BadInput(str(error)) from None
    means = clustering.means
    return Training(train, vectors, means, unit_rows(means), profiles)


def _result(
    seed: int, rows: HeldOut, means: ModelMeans, routed_curves: Mapping[str, Curve]
) -> SplitResult:
    curves = {**routed_curves, **baseline_curves(rows, means)}
    yardstick = Yardstick.of(rows, means.best)
    figures = zip(rows.accuracy.tolist(), rows.mean_cost_usd.tolist(), strict=True)
    return SplitResult(
        seed=seed,
        n_test=len(rows.rows) + rows.n_skipped,
        n_skipped=rows.n_skipped,
        best_single=rows.models[means.best],
        singles=dict(zip(rows.models, figures, strict=True)),
        curves=curves,
        metrics={name: measure(curve, yardstick) for name, curve in curves.items()},
    )
