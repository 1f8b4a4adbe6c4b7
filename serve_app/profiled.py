"""Which models of a catalog the artifact has records of, before anything is started."""

from artifacts.location import artifact_location, is_remote
from artifacts.manifest import Manifest
from artifacts.store import load_manifest
from serve_app.config import AppConfig, artifact_directory


def local_manifest(config: AppConfig) -> Manifest | None:
    """Of an artifact in a directory; ArtifactError if there is none. None where it lies
    at an address: each replica fetches it."""
    if is_remote(artifact_location(config.artifact)):
        return None
    return load_manifest(artifact_directory(config.artifact))


def unprofiled_models(config: AppConfig) -> str | None:
    """What is to be said of models that are never chosen; None if there are none."""
    manifest = local_manifest(config)
    known = {entry.model for entry in manifest.models} if manifest else set()
    catalog = [spec.id for spec in config.catalog.models]
    unknown = [model for model in catalog if model not in known]
    if manifest is None or not unknown:
        return None
    if len(unknown) == len(catalog):
        return "artifact: it knows no model of the catalog: `auto` is default_model"
    return f"artifact: it has no records of {', '.join(unknown)}: used only by name"
