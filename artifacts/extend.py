"""Models added to an artifact, or taken out, without fitting the others again.

Centroids, the other models' numbers, the cost unit and τ(α) of the calibrated policy
stay bit for bit. So decisions among the other models are what they were. What a new
model changes are the decisions it takes part in; and α divides the range of costs as
evenly as it did for the models of the fit, not for those there are now: after many
changes, fit again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from artifacts.arrays import arrays_digest, arrays_of
from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors, nearest
from artifacts.columns import join_columns, take_columns
from artifacts.dataset import RoutingDataset
from artifacts.errors import BadInput
from artifacts.manifest import Extension, ModelEntry
from artifacts.prior_extend import borrow_priors
from artifacts.profiles import ClusterProfiles
from artifacts.profiles_fit import profile_clusters
from artifacts.smoother_extend import Records, extend_smoother
from artifacts.token_price import TokenPrice


@dataclass(frozen=True, slots=True, eq=False)
class NewRecords:
    """Records of models that an artifact lacks; `vectors` are unit rows (n, d).

    Other models in `dataset` are left out of account.
    """

    dataset: RoutingDataset
    vectors: Vectors
    prices: Mapping[str, TokenPrice] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


def new_models(
    artifact: RoutingArtifact, dataset: RoutingDataset, wanted: Sequence[str] = ()
) -> tuple[str, ...]:
    """Which models of `dataset` to add: `wanted`, or all that the artifact lacks.

    BadInput: one is in the artifact already, one has no records, or there is none.
    """
    known = set(artifact.models)
    for model in wanted:
        if model in known:
            raise BadInput(f"model {model!r} is in the artifact: remove-model it first")
        if model not in dataset.models:
            there = ", ".join(dataset.models)
            raise BadInput(f"no records of model {model!r}; there are {there}")
    chosen = tuple(sorted(set(wanted) or set(dataset.models) - known))
    if not chosen:
        raise BadInput(
            "every model of the records is in the artifact: remove-model it first"
        )
    return chosen


def add_models(
    artifact: RoutingArtifact, models: Sequence[str], records: NewRecords
) -> RoutingArtifact:
    """The artifact with `models` besides, measured on `records` (some may lack some).

    A query counts for its nearest cluster. Cells without any query keep count 0 and
    are imputed from the prior. BadInput: see `new_models`; a score without a cost, or
    costs whose sums are not finite.
    """
    models = new_models(artifact, records.dataset, models)
    dataset = records.dataset.with_models(models)
    rows = dataset.measured_rows
    dataset, vectors = dataset.take(rows), records.vectors[rows]
    _check_costs(dataset)
    labels = nearest(vectors, artifact.centroids, 1)[0][:, 0]
    try:
        new = _profiles(artifact, dataset, vectors, labels)
    except ValueError as error:
        raise BadInput(str(error)) from None
    names = (*artifact.models, *models)
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
    entries = (*artifact.manifest.models, *_entries(dataset, records.prices))
    extension = Extension(
        kind="add-model",
        created=_now(),
        models=models,
        sources=records.sources,
        n_records=len(dataset),
        digest=dataset.digest,
    )
    profiles = join_columns(artifact.profiles, new, order)
    return extended(artifact, profiles, tuple(entries[i] for i in order), extension)


def remove_models(artifact: RoutingArtifact, models: Sequence[str]) -> RoutingArtifact:
    """The artifact without `models`; BadInput: one is not in it, or none would be."""
    unknown = sorted(set(models) - set(artifact.models))
    if unknown:
        raise BadInput(f"models not in the artifact: {', '.join(unknown)}")
    kept = [i for i, name in enumerate(artifact.models) if name not in models]
    if not kept:
        raise BadInput("no model would be left in the artifact")
    extension = Extension(
        kind="remove-model", created=_now(), models=tuple(sorted(set(models)))
    )
    columns = np.array(kept, dtype=np.intp)
    profiles = take_columns(artifact.profiles, columns)
    entries = tuple(artifact.manifest.models[i] for i in kept)
    return extended(artifact, profiles, entries, extension)


def extended(
    artifact: RoutingArtifact,
    profiles: ClusterProfiles,
    models: tuple[ModelEntry, ...],
    extension: Extension,
) -> RoutingArtifact:
    """The same centroids with other profiles, and a manifest that says so."""
    old = artifact.manifest
    extensions = (*old.provenance.extensions, extension)
    manifest = old.model_copy(
        update={
            "artifact_id": arrays_digest(arrays_of(artifact.centroids, profiles)),
            "models": models,
            "provenance": old.provenance.model_copy(update={"extensions": extensions}),
            "metrics": {},  # they were another artifact's
        }
    )
    return RoutingArtifact(manifest, artifact.centroids, profiles)


def _profiles(
    artifact: RoutingArtifact,
    dataset: RoutingDataset,
    vectors: Vectors,
    labels: NDArray[np.intp],
) -> ClusterProfiles:
    """Of the new models alone, with the priors and the smoother of the artifact."""
    old = artifact.profiles
    measured = profile_clusters(dataset, labels, len(artifact.centroids))
    new = borrow_priors(old, measured)
    policy, smoother = artifact.manifest.policy, old.smoother
    if policy.kind == "paper" or smoother is None:
        return new
    records = []
    for column in range(len(dataset.models)):
        rows = ~np.isnan(dataset.score[:, column])
        score, cost_usd = dataset.score[rows, column], dataset.cost_usd[rows, column]
        records.append(Records(vectors[rows], score, cost_usd))
    return replace(
        new, smoother=extend_smoother(smoother, records, new, policy.cell_strength)
    )


def _check_costs(dataset: RoutingDataset) -> None:
    unknown = (~np.isnan(dataset.score) & np.isnan(dataset.cost_usd)).sum(axis=0)
    for model, n in zip(dataset.models, unknown.tolist(), strict=True):
        if n:
            raise BadInput(f"model {model!r}: {n} scores without a cost")


def _entries(
    dataset: RoutingDataset, prices: Mapping[str, TokenPrice]
) -> tuple[ModelEntry, ...]:
    count = (~np.isnan(dataset.score)).sum(axis=0)
    return tuple(
        ModelEntry.of(model, n, prices.get(model))
        for model, n in zip(dataset.models, count.tolist(), strict=True)
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
