"""Fitting a routing artifact: dataset + encoder → clusters → profiles → artifact."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from artifacts.arrays import arrays_digest, arrays_of
from artifacts.artifact import Manifest, ModelEntry, Provenance, RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans, Vectors, unit_rows
from artifacts.dataset import RoutingDataset, Rows
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import BadInput
from artifacts.familiarity import measure_familiarity
from artifacts.policy import PaperPolicy
from artifacts.profiles_fit import profile_clusters
from artifacts.token_price import TokenPrice

_LIBRARIES = ("numpy", "faiss-cpu", "faiss-gpu-cu12", "onnxruntime", "tokenizers")


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Clusters as in the paper; `prices` and `sources` are noted in the manifest.

    `out_of_distribution_quantile`: see Manifest; 0 marks no query.
    """

    kmeans: KMeans = field(default_factory=KMeans)
    policy: PaperPolicy | CalibratedPolicy = field(default_factory=CalibratedPolicy)
    train_fraction: float = 0.7
    # Of new queries of the same kinds, about this share is marked needlessly.
    out_of_distribution_quantile: float = 0.01
    prices: Mapping[str, TokenPrice] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """An artifact, and what it takes to judge it on the rows that it has not seen."""

    artifact: RoutingArtifact
    train: RoutingDataset
    test: RoutingDataset
    train_vectors: Vectors
    test_vectors: Vectors

    def with_metrics(self, metrics: dict[str, dict[str, float | None]]) -> "Fitted":
        """The same with held-out metrics in the manifest."""
        manifest = self.artifact.manifest.model_copy(update={"metrics": metrics})
        return replace(self, artifact=replace(self.artifact, manifest=manifest))


def fit_artifact(
    dataset: RoutingDataset, vectors: Vectors, spec: EncoderSpec, config: FitConfig
) -> Fitted:
    """Fit on `train_fraction` of each collection; `vectors` are unit rows (n, d).

    BadInput: fewer training queries than clusters, a model without any score, or
    costs whose sums are not finite.
    """
    train_rows, test_rows = dataset.split(config.train_fraction, config.kmeans.seed)
    train = dataset.take(train_rows)
    train_vectors = vectors[train_rows]  # a copy, and the only one
    try:
        clustering = config.kmeans.fit(train_vectors)
        profiles = profile_clusters(train, clustering.labels, config.kmeans.n_clusters)
        centroids = unit_rows(clustering.means)
        familiarity = measure_familiarity(train_vectors, clustering)
        profiles = replace(profiles, familiarity=familiarity)
        profiles = config.policy.learn(profiles, train, train_vectors, centroids)
    except ValueError as error:
        raise BadInput(str(error)) from None
    manifest = Manifest(
        artifact_id=arrays_digest(arrays_of(centroids, profiles)),
        created=datetime.now(UTC).replace(microsecond=0),
        encoder=spec,
        models=_entries(train, config.prices),
        n_clusters=config.kmeans.n_clusters,
        n_init=config.kmeans.n_init,
        seed=config.kmeans.seed,
        policy=config.policy,
        out_of_distribution_quantile=config.out_of_distribution_quantile,
        provenance=_provenance(dataset, train_rows, test_rows, config),
        metrics={},
        libraries=_libraries(),
    )
    return Fitted(
        artifact=RoutingArtifact(manifest, centroids, profiles),
        train=train,
        test=dataset.take(test_rows),
        train_vectors=train_vectors,
        test_vectors=vectors[test_rows],
    )


def _libraries() -> dict[str, str]:
    """Versions of those that are installed: FAISS for GPUs takes the other's place."""
    found = {}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _entries(
    train: RoutingDataset, prices: Mapping[str, TokenPrice]
) -> tuple[ModelEntry, ...]:
    measured = (~np.isnan(train.score)).sum(axis=0)
    return tuple(
        ModelEntry.of(model, count, prices.get(model))
        for model, count in zip(train.models, measured.tolist(), strict=True)
    )


def _provenance(
    dataset: RoutingDataset, train_rows: Rows, test_rows: Rows, config: FitConfig
) -> Provenance:
    return Provenance(
        sources=config.sources,
        digest=dataset.digest,
        queries=dataset.counts,
        train_fraction=config.train_fraction,
        n_train=len(train_rows),
        n_test=len(test_rows),
    )
