"""Artifacts from elsewhere, kept here by digest.

$AVENGERS_CACHE (else $XDG_CACHE_HOME/avengers, else ~/.cache/avengers) holds

arrays/ID/arrays.npz       verified against the manifest's artifact_id
encoders/KEY/…             verified against the manifest's encoder
artifacts/DIGEST/          a manifest, by its SHA-256, with links to the two above

Each is made beside its place and moved there whole, so several processes may fetch the
same, and none is there unless it was verified. Only a manifest is read anew each time.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from artifacts.artifact import Manifest
from artifacts.atomic import place_once
from artifacts.encoder_spec import SPEC_FILE, EncoderSpec, files_digest
from artifacts.errors import ArtifactError
from artifacts.onnx_encoder import MODEL_FILES, read_spec
from artifacts.remote import NotThere, RemoteFolder
from artifacts.store import ARRAYS, ENCODER, MANIFEST, manifest_of, read_arrays

_TRIES = 3  # while the artifact is being replaced under our eyes


def cache_directory() -> Path:
    """See the module."""
    if named := os.environ.get("AVENGERS_CACHE"):
        return Path(named).resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "avengers"


def cached(folder: RemoteFolder, *, encoder: bool = True) -> Path:
    """The artifact's directory in the cache, fetched unless it is there.

    Without `encoder` its encoder is not: of those who only decide it is not asked, and
    weights may be large. ArtifactError: it cannot be read, or is not what its manifest
    says.
    """
    data = folder.read(MANIFEST)
    for _ in range(_TRIES):
        try:
            return _entry(folder, data, encoder=encoder)
        except ArtifactError:
            before, data = data, folder.read(MANIFEST)
            if data == before:
                raise
    raise ArtifactError(folder.where(MANIFEST), "it changes faster than it can be read")


def cached_encoder(folder: RemoteFolder) -> tuple[EncoderSpec, Path]:
    """What its manifest says of the encoder, and where `cached` puts the files.

    Only the manifest is fetched: the weights may be large, and wanted elsewhere.
    """
    manifest = manifest_of(folder.read(MANIFEST), folder.where(MANIFEST))
    return manifest.encoder, _encoder_place(manifest.encoder)


def addressed(name: str, manifest: Manifest) -> str:
    """Where a file of an artifact's directory lies in a folder elsewhere."""
    if name == ARRAYS:
        return f"arrays/{manifest.artifact_id}.npz"
    first, _, rest = name.partition("/")
    if first == ENCODER:
        return f"encoders/{manifest.encoder.key}/{rest}"
    return name


def _entry(folder: RemoteFolder, data: bytes, *, encoder: bool) -> Path:
    entry = cache_directory() / "artifacts" / hashlib.sha256(data).hexdigest()
    manifest = manifest_of(data, folder.where(MANIFEST))
    if _is_whole(entry, manifest, encoder=encoder):
        return entry
    arrays = _arrays(folder, manifest)
    files = _encoder(folder, manifest) if encoder else None

    def link_encoder(to: Path) -> None:
        if files is not None:
            with suppress(FileExistsError):
                (to / ENCODER).symlink_to(_from_entry(files))

    def link(staging: Path) -> None:
        (staging / MANIFEST).write_bytes(data)
        (staging / ARRAYS).symlink_to(_from_entry(arrays / ARRAYS))
        link_encoder(staging)

    with _explained(entry):
        link_encoder(place_once(entry, link))
    return entry


def _is_whole(entry: Path, manifest: Manifest, *, encoder: bool) -> bool:
    """Without an encoder only where none is wanted or to be had: of an artifact that is
    being copied there file by file, it may have come since."""
    if not entry.is_dir() or not all(path.exists() for path in entry.iterdir()):
        return False
    wanted = encoder and manifest.encoder.digest is not None
    return not wanted or (entry / ENCODER).exists()


def _from_entry(path: Path) -> Path:
    """Relative: the cache may be moved, or mounted elsewhere."""
    return Path("../..") / path.relative_to(cache_directory())


def _arrays(folder: RemoteFolder, manifest: Manifest) -> Path:
    def fetch(staging: Path) -> None:
        name = _download(folder, ARRAYS, manifest, staging / ARRAYS)
        try:
            read_arrays(staging / ARRAYS, manifest.artifact_id)
        except ArtifactError as error:
            raise ArtifactError(folder.where(name), error.what) from None

    return _placed(cache_directory() / "arrays" / manifest.artifact_id, fetch)


def _encoder(folder: RemoteFolder, manifest: Manifest) -> Path | None:
    """None if the artifact holds no encoder: it is named only."""
    spec = manifest.encoder
    if spec.digest is None:
        return None

    def fetch(staging: Path) -> None:
        for name in _encoder_files(folder, manifest):
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            _download(folder, f"{ENCODER}/{name}", manifest, staging / name)
        try:
            _check_encoder(staging, spec)
        except ArtifactError as error:
            raise ArtifactError(folder.where(ENCODER), error.what) from None

    try:
        return _placed(_encoder_place(spec), fetch)
    except NotThere:
        return None


def _encoder_place(spec: EncoderSpec) -> Path:
    return cache_directory() / "encoders" / spec.key


def _encoder_files(folder: RemoteFolder, manifest: Manifest) -> list[str]:
    if manifest.encoder.kind == "onnx":
        return [SPEC_FILE, *MODEL_FILES]  # known, so that the web can be read too
    below = addressed(f"{ENCODER}/", manifest)
    found = folder.names(below.rstrip("/")) or folder.names(ENCODER)
    if not found:
        raise NotThere(folder.where(ENCODER), "No such file")
    return found


def _check_encoder(directory: Path, spec: EncoderSpec) -> None:
    onnx = spec.kind == "onnx"
    if files_digest(directory, MODEL_FILES if onnx else None) != spec.digest:
        raise ArtifactError(directory, "its digest is not the manifest's")
    if onnx and (differences := read_spec(directory).differences(spec)):
        raise ArtifactError(directory, "; ".join(differences))


def _download(folder: RemoteFolder, name: str, manifest: Manifest, to: Path) -> str:
    """From where it is addressed by content, else by its own name; says which."""
    address = addressed(name, manifest)
    try:
        folder.download(address, to)
    except ArtifactError as error:  # some stores answer "forbidden" for what is not
        try:
            folder.download(name, to)
        except NotThere:
            if isinstance(error, NotThere):
                raise
            raise error from None  # it may be there, but could not be read
        return name
    return address


def _placed(target: Path, fill: Callable[[Path], None]) -> Path:
    with _explained(target):
        return place_once(target, fill)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(target, error.strerror or str(error)) from None
