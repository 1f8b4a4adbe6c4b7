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
from artifacts.evaluation.baselines import means_of_profiles, means_of_training
from artifacts.evaluation.curves import Curve, HeldOut, held_out, routed
from artifacts.evaluation.results import EvaluationResult, SplitResult
from artifacts.evaluation.routers import (
    AuthorsCode,
    ClusterRouter,
    Method,
    NearestNeighbours,
    PolicyMethod,
    Router,
    Training,
)
from artifacts.evaluation.served import AS_SERVED, as_served
from artifacts.evaluation.split_pool import each_seed
from artifacts.evaluation.split_result import Setting, split_result
from artifacts.familiarity import measure_familiarity
from artifacts.policy import PaperPolicy
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
    with its threads (figures may differ in the last bits). The policy among `methods`
    that `served` names is judged as a service applies it, too: see `as_served`.
    """

    seeds: tuple[int, ...] = tuple(range(10))
    train_fraction: float = 0.7
    alphas: tuple[float, ...] = ALPHAS
    kmeans: KMeans = field(default_factory=KMeans)  # its seed is replaced
    methods: Mapping[str, Method] = field(default_factory=default_methods)
    served: str = "calibrated"
    out_of_distribution_quantile: float = 0.01  # as of a fit
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

    Its policy is judged alone and as served, as in `evaluate`. `vectors` are the unit
    rows of `test`. The best and the cheapest single model are chosen by the artifact's
    own training data. BadInput: see `comparable`.
    """
    rows, manifest = comparable(artifact, test), artifact.manifest
    router = ClusterRouter(manifest.policy, artifact.centroids, artifact.profiles)
    judged, knob = vectors[rows.rows], np.array(alphas)
    quantile = manifest.out_of_distribution_quantile
    choices = router.choose(judged, knob)
    served = as_served(router, judged, knob, choices, quantile)
    curves = {
        manifest.policy.kind: routed(rows, knob, choices),
        AS_SERVED: routed(rows, knob, served),
    }
    means = means_of_profiles(artifact.profiles)
    setting = Setting(manifest.seed, means, artifact.centroids)
    return split_result(setting, rows, curves)


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
    try:
        return _judged_split(dataset, vectors, config, seed)
    except BadInput as error:
        raise BadInput(f"seed {seed}: {error}") from None


def _judged_split(
    dataset: RoutingDataset, vectors: Vectors, config: EvaluationConfig, seed: int
) -> SplitResult:
    train_rows, test_rows = dataset.split(config.train_fraction, seed)
    kmeans = replace(config.kmeans, seed=seed)
    training = _training(dataset.take(train_rows), vectors[train_rows], kmeans)
    rows = held_out(dataset.take(test_rows))
    test_vectors = vectors[test_rows][rows.rows]
    knob, quantile = np.array(config.alphas), config.out_of_distribution_quantile
    curves: dict[str, Curve] = {}
    served: dict[str, Curve] = {}
    for name, method in config.methods.items():
        router = _fitted(method, training)
        choices = router.choose(test_vectors, knob)
        curves[name] = routed(rows, knob, choices)
        if name == config.served and isinstance(router, ClusterRouter):
            choices = as_served(router, test_vectors, knob, choices, quantile)
            served[AS_SERVED] = routed(rows, knob, choices)
    means = means_of_training(training.dataset, training.profiles)
    setting = Setting(seed, means, training.centroids)
    return split_result(setting, rows, curves | served)


def _fitted(method: Method, training: Training) -> Router:
    try:
        return method.fit(training)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _training(train: RoutingDataset, vectors: Vectors, kmeans: KMeans) -> Training:
    try:
        clustering = kmeans.fit(vectors)
        profiles = profile_clusters(train, clustering.labels, kmeans.n_clusters)
        familiarity = measure_familiarity(vectors, clustering)
    except ValueError as error:
        raise BadInput(str(error)) from None
    means = clustering.means
    profiles = replace(profiles, familiarity=familiarity)
    return Training(train, vectors, means, unit_rows(means), profiles)
