"""An artifact of any size with made-up tables: what it takes depends on sizes only."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from artifacts.artifact import Manifest, ModelEntry, Provenance, RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import Vectors, unit_rows
from artifacts.encoder_spec import EncoderSpec
from artifacts.familiarity import Familiarity
from artifacts.policy import PaperPolicy
from artifacts.profiles import ClusterProfiles
from artifacts.smoother import Smoother

_PROVENANCE = Provenance(
    sources=("random",),
    digest="0" * 64,
    queries={"random": 1},
    train_fraction=1,
    n_train=1,
    n_test=0,
)


def random_artifact(
    policy: PaperPolicy | CalibratedPolicy,
    *,
    models: int,
    clusters: int,
    dimension: int,
) -> RoutingArtifact:
    """An artifact of the given sizes with made-up tables."""
    rng = np.random.default_rng(0)
    profiles = _profiles(rng, (clusters, models))
    if policy.kind == "calibrated":
        smoother = _random_smoother(profiles.accuracy, dimension)
        profiles = replace(profiles, smoother=smoother)
    names = [f"model-{i:04d}" for i in range(models)]
    manifest = Manifest(
        artifact_id="0" * 64,
        created=datetime.now(UTC),
        encoder=random_spec(dimension),
        models=tuple(ModelEntry(model=name, n_records=1) for name in names),
        n_clusters=clusters,
        n_init=1,
        seed=0,
        policy=policy,
        out_of_distribution_quantile=0.01,
        provenance=_PROVENANCE,
        metrics={},
        libraries={},
    )
    return RoutingArtifact(manifest, random_units(rng, clusters, dimension), profiles)


def _profiles(rng: np.random.Generator, shape: tuple[int, int]) -> ClusterProfiles:
    accuracy, cost_usd = rng.uniform(0.2, 0.9, shape), rng.uniform(1e-5, 1e-2, shape)
    return ClusterProfiles(
        accuracy=accuracy,
        cost_usd=cost_usd,
        count=rng.integers(0, 100, shape),
        prior_accuracy=accuracy,
        prior_cost_usd=cost_usd,
        prompt_tokens=cost_usd,
        completion_tokens=cost_usd,
        smoother=None,
        familiarity=_familiarity(shape[0]),
    )


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
        landmarks=random_units(rng, landmarks, dimension),
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


def random_spec(dimension: int) -> EncoderSpec:
    """Of an encoder that does not exist."""
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


def random_units(rng: np.random.Generator, n: int, dimension: int) -> Vectors:
    """(n, dimension) float32 rows of length 1."""
    return unit_rows(rng.normal(size=(n, dimension)).astype(np.float32))
