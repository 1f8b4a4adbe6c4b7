"""Artifacts for the tests of their storage."""

from dataclasses import replace
from pathlib import Path

from artifacts.artifact import RoutingArtifact, arrays_digest, arrays_of
from artifacts.encoder_spec import SPEC_FILE, EncoderSpec, files_digest
from artifacts.onnx_encoder import MODEL_FILES
from artifacts.store import load_manifest

ROOT = Path(__file__).parents[2]
# Of an encoder that nobody runs.
SPEC = EncoderSpec(
    kind="onnx",
    id="hand-made",
    revision=None,
    dimension=2,
    max_tokens=8,
    pooling="mean",
    prompt="",
    dtype="float32",
    digest="0" * 64,
)


def bundled() -> Path:
    """The directory of the artifact that ships."""
    return ROOT / "artifacts" / "default"


def small_encoder(directory: Path) -> Path:
    """The files of an ONNX encoder as far as storing it goes: it cannot run."""
    directory.mkdir()
    for name in MODEL_FILES:
        (directory / name).write_bytes(name.encode() * 100)
    (directory / "README.md").write_text("small")
    spec = load_manifest(bundled()).encoder.model_copy(
        update={"id": "small", "digest": files_digest(directory, MODEL_FILES)}
    )
    (directory / SPEC_FILE).write_text(spec.model_dump_json())
    return directory


def altered(artifact: RoutingArtifact, **changes: object) -> RoutingArtifact:
    """The same with other accuracies, and so of another id; `changes` its manifest."""
    profiles = replace(artifact.profiles, accuracy=artifact.profiles.accuracy / 2)
    digest = arrays_digest(arrays_of(artifact.centroids, profiles))
    manifest = artifact.manifest.model_copy(update={"artifact_id": digest, **changes})
    return RoutingArtifact(manifest, artifact.centroids, profiles)
