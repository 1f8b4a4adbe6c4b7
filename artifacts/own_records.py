"""Whether records are those that an artifact was made of: they would flatter it.

An artifact keeps no queries, but digests: of the records of its fit, and of those that
models were added from. A digest is of certain models, and of all that was said of them.
"""

from collections.abc import Collection

from artifacts.dataset import RoutingDataset
from artifacts.manifest import Manifest


def made_of(manifest: Manifest, dataset: RoutingDataset) -> bool:
    """Whether the fit, or a model added since, was of these very records.

    Other models in `dataset` are left out of account.
    """
    provenance = manifest.provenance
    fitted = _columns(dataset, _models_of_the_fit(manifest))
    if fitted is not None and fitted.digest == provenance.digest:
        return True
    return any(
        _digest_of_added(dataset, extension.models) == extension.digest
        for extension in provenance.extensions
        if extension.digest is not None
    )


def _models_of_the_fit(manifest: Manifest) -> set[str]:
    """Today's, with every change since undone."""
    models = {entry.model for entry in manifest.models}
    for extension in reversed(manifest.provenance.extensions):
        if extension.kind == "add-model":
            models -= set(extension.models)
        elif extension.kind == "remove-model":
            models |= set(extension.models)
    return models


def _digest_of_added(dataset: RoutingDataset, models: Collection[str]) -> str | None:
    """As `add_models` makes it: of the queries that one of the models answered."""
    columns = _columns(dataset, models)
    return None if columns is None else columns.take(columns.measured_rows).digest


def _columns(dataset: RoutingDataset, models: Collection[str]) -> RoutingDataset | None:
    if not set(models) <= set(dataset.models):
        return None
    return dataset.with_models(tuple(models))
