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
    if provenance.digest in _digests(dataset, _models_of_the_fit(manifest)):
        return True
    return any(
        extension.digest in _digests(dataset, extension.models)
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


def _digests(dataset: RoutingDataset, models: Collection[str]) -> set[str]:
    """Of all that is said of these models, and of the queries alone that one of them
    answered: a fit of some of the models, or an addition, takes no others."""
    if not set(models) <= set(dataset.models):
        return set()
    columns = dataset.with_models(tuple(models))
    return {columns.digest, columns.measured.digest}
