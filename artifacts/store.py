"""Saving, loading and verifying an artifact's directory.

manifest.json   what it is (written last)
arrays.npz      the arrays, without pickle
encoder/        the encoder, where it is small enough to travel along
report/         of an evaluation, where it was written there; a save drops it
"""

import shutil
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from artifacts.arrays import arrays_digest, arrays_of, profiles_of
from artifacts.artifact import Manifest, RoutingArtifact
from artifacts.atomic import replacing_directory
from artifacts.errors import ArtifactError, BadInput, first_of
from artifacts.verification import verify

MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
ENCODER = "encoder"
REPORT = "report"
OTHERS = (ARRAYS, ENCODER, REPORT)  # beside the manifest, and nothing else

# An artifact is mostly vectors, which hardly compress: what unpacks to so much, and to
# so many times its size, is none, and may be more than there is memory.
_UNPACKED_BYTES = 64 * 2**20
_UNPACKED_TIMES = 100


def save(
    artifact: RoutingArtifact,
    directory: Path,
    *,
    encoder_directory: Path | None = None,
) -> None:
    """Write the artifact to `directory`, replacing what is there in one step.

    `encoder_directory` is copied in.
    BadInput: `load` would refuse it, so what is there stays; see `replacing_directory`.
    """
    try:
        verify(artifact.manifest, artifact.centroids, artifact.profiles)
    except ValueError as error:
        raise BadInput(f"the artifact cannot be used, nor saved: {error}") from None
    with replacing_directory(directory, MANIFEST, OTHERS) as staging:
        arrays = arrays_of(artifact.centroids, artifact.profiles)
        with (staging / ARRAYS).open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        if encoder_directory is not None:
            shutil.copytree(encoder_directory, staging / ENCODER)
        text = artifact.manifest.model_dump_json(indent=2)
        (staging / MANIFEST).write_text(text + "\n", encoding="utf-8")


def load(directory: Path) -> RoutingArtifact:
    """Read and verify; ArtifactError says which file fails which check.

    Where a save puts another artifact there meanwhile, that one is read.
    """
    manifest = load_manifest(directory)
    while True:
        try:
            return _with_arrays(manifest, directory)
        except ArtifactError:
            tried, manifest = manifest.artifact_id, load_manifest(directory)
            if manifest.artifact_id == tried:
                raise


def _with_arrays(manifest: Manifest, directory: Path) -> RoutingArtifact:
    arrays = read_arrays(directory / ARRAYS, manifest.artifact_id)
    try:
        centroids = arrays["centroids"]
        profiles = profiles_of(arrays)
        verify(manifest, centroids, profiles)
    except KeyError as error:
        what = f"the array {error.args[0]!r} is missing"
        raise ArtifactError(directory / ARRAYS, what) from None
    except (TypeError, ValueError) as error:
        raise ArtifactError(directory / ARRAYS, str(error)) from None
    return RoutingArtifact(manifest, centroids, profiles)  # type: ignore[arg-type]


def load_manifest(directory: Path) -> Manifest:
    """Read the manifest alone; ArtifactError if it is absent or not valid."""
    path = directory / MANIFEST
    try:
        return manifest_of(path.read_bytes(), path)
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from None


def manifest_of(data: bytes, where: Path | str) -> Manifest:
    """The manifest in `data`; ArtifactError names `where` if it is not valid."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise ArtifactError(where, first_of(error, "manifest")) from None


def read_arrays(path: Path, artifact_id: str) -> dict[str, NDArray[np.generic]]:
    """The arrays of an artifact; ArtifactError unless their digest is its id."""
    arrays = _load_arrays(path)
    if arrays_digest(arrays) != artifact_id:
        raise ArtifactError(path, "its digest is not the manifest's artifact_id")
    return arrays


def _load_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with path.open("rb") as file:  # NumPy would not close one that is damaged
            loaded = np.load(file, allow_pickle=False)
            if not isinstance(loaded, np.ndarray):
                with loaded as archive:
                    _check_unpacked(archive.zip, path.stat().st_size)
                    return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise ArtifactError(path, error.strerror or str(error)) from None
    # zipfile, each of its decompressors and NumPy's parser of headers have exceptions
    # of their own for damage, and do not say which.
    except Exception as error:  # noqa: BLE001
        what = " ".join(str(error).split()) or type(error).__name__
        raise ArtifactError(path, f"not a readable archive: {what}") from None
    raise ArtifactError(path, "a single array, not an archive of them")


def _check_unpacked(archive: ZipFile, size: int) -> None:
    """By what the archive says of its members: none is read further than that."""
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(_UNPACKED_BYTES, _UNPACKED_TIMES * size):
        raise ValueError(f"{size} bytes that unpack to {unpacked}")
