"""The routing artifact: centroids, profiles and a manifest that explains them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import Vectors, nearest
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import EncoderMismatch
from artifacts.policy import (
    Neighbours,
    PaperPolicy,
    RoutingDecision,
    Scores,
    check_alpha,
    columns_of,
    rank,
)
from artifacts.profiles import TABLES, ClusterProfiles
from artifacts.smoother import Smoother

_SMOOTHER = "smoother_"  # prefix of its arrays


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelEntry(_Frozen):
    """A model in the artifact and its price when the artifact was fitted."""

    model: str
    n_records: int = Field(ge=1, description="training queries it was measured on")
    input_usd_per_token: float | None = Field(default=None, ge=0)
    output_usd_per_token: float | None = Field(default=None, ge=0)


class Provenance(_Frozen):
    """Which data the artifact was fitted on."""

    sources: tuple[str, ...] = Field(description="names of the records files")
    digest: str = Field(description="sha256 of the whole dataset")
    queries: dict[str, int] = Field(description="queries in each collection")
    train_fraction: float = Field(gt=0, le=1)
    n_train: int = Field(ge=1)
    n_test: int = Field(ge=0)


class Manifest(_Frozen):
    """Everything about an artifact but its arrays; `manifest.json`."""

    schema_version: Literal[1] = 1
    artifact_id: str = Field(description="sha256 of the arrays")
    created: datetime
    encoder: EncoderSpec
    models: tuple[ModelEntry, ...]
    n_clusters: int = Field(ge=1)
    n_init: int = Field(ge=1)
    seed: int
    policy: PaperPolicy | CalibratedPolicy = Field(discriminator="kind")
    provenance: Provenance
    metrics: dict[str, dict[str, float | None]] = Field(
        description="method → metric → value on the held-out queries"
    )
    libraries: dict[str, str] = Field(description="name → version at fit time")


@dataclass(frozen=True, eq=False)
class RoutingArtifact:
    """What the router holds. `centroids` are unit rows, float32 (k, d)."""

    manifest: Manifest
    centroids: Vectors
    profiles: ClusterProfiles

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models that can be chosen, sorted; the columns of the profiles."""
        return tuple(entry.model for entry in self.manifest.models)

    @cached_property
    def column_of(self) -> dict[str, int]:
        """The profiles' column of each model."""
        return {model: column for column, model in enumerate(self.models)}

    @property
    def artifact_id(self) -> str:
        """sha256 of the arrays."""
        return self.manifest.artifact_id

    def neighbours(self, vectors: Vectors) -> Neighbours:
        """The clusters nearest to each unit row of `vectors` (b, d)."""
        if vectors.shape[1] != self.centroids.shape[1]:
            expected = f"{self.manifest.encoder.id} ({self.centroids.shape[1]} values)"
            what = (
                f"vectors of {vectors.shape[1]} values; the artifact is for {expected}"
            )
            raise EncoderMismatch(what)
        n = self.manifest.policy.n_nearest_clusters
        return Neighbours(*nearest(vectors, self.centroids, n), vectors)

    def score(
        self, vectors: Vectors, alpha: float, candidates: Sequence[str] | None = None
    ) -> tuple[Scores, NDArray[np.intp]]:
        """Scores (b, c) for unit rows, and the models' columns that they are for."""
        check_alpha(alpha)
        columns = self._columns(candidates)
        neighbours = self.neighbours(vectors)
        policy = self.manifest.policy
        return policy.score(self.profiles, neighbours, alpha, columns), columns

    def choose(
        self,
        vector: NDArray[np.float32],
        alpha: float,
        candidates: Sequence[str] | None = None,
    ) -> RoutingDecision:
        """The decision for one unit vector (d,) among `candidates` (all if None).

        ValueError: α outside [0, 1], unknown candidate, or none.
        """
        check_alpha(alpha)
        columns = self._columns(candidates)
        neighbours = self.neighbours(vector[None, :])
        policy = self.manifest.policy
        scores = policy.score(self.profiles, neighbours, alpha, columns)
        order = rank(scores)[0]
        ranked = columns[order]
        clusters = neighbours.clusters[0]
        imputed = (self.profiles.count[clusters[:, None], ranked] == 0).any(axis=0)
        models = self.models
        sd = scores.accuracy_sd
        return RoutingDecision(
            ranking=tuple(models[column] for column in ranked),
            scores=tuple(scores.score[0, order].tolist()),
            expected_accuracy=tuple(scores.accuracy[0, order].tolist()),
            expected_cost_usd=tuple(scores.cost_usd[0, order].tolist()),
            imputed=tuple(imputed.tolist()),
            clusters=tuple(clusters.tolist()),
            similarities=tuple(neighbours.similarity[0].tolist()),
            alpha=alpha,
            policy=policy.kind,
            artifact_id=self.artifact_id,
            accuracy_sd=None if sd is None else tuple(sd[0, order].tolist()),
        )

    def _columns(self, candidates: Sequence[str] | None) -> NDArray[np.intp]:
        if candidates is None:
            return np.arange(len(self.manifest.models), dtype=np.intp)
        return columns_of(self.column_of, candidates)


def arrays_of(
    centroids: Vectors, profiles: ClusterProfiles
) -> dict[str, NDArray[np.generic]]:
    """The arrays of an artifact by name, as `arrays.npz` holds them."""
    smoother = profiles.smoother.arrays() if profiles.smoother else {}
    return {
        "centroids": centroids,
        **{name: getattr(profiles, name) for name in TABLES},
        **{_SMOOTHER + name: array for name, array in smoother.items()},
    }


def profiles_of(arrays: dict[str, NDArray[np.generic]]) -> ClusterProfiles:
    """The inverse of `arrays_of`, without the centroids.

    TypeError or ValueError: an array is missing, unknown or of a wrong shape.
    """
    learnt = {name for name in arrays if name.startswith(_SMOOTHER)}
    parts = {name.removeprefix(_SMOOTHER): arrays[name] for name in learnt}
    tables = {name: arrays[name] for name in arrays.keys() - learnt - {"centroids"}}
    smoother = Smoother.from_arrays(parts) if parts else None
    return ClusterProfiles(**tables, smoother=smoother)  # type: ignore[arg-type]


def arrays_digest(arrays: dict[str, NDArray[np.generic]]) -> str:
    """sha256 over names, types, shapes and values: the artifact id."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
