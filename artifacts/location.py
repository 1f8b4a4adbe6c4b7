"""Where an artifact lies: a directory, or an address that fsspec opens.

An artifact at an address is

manifest.json              written last, over the one before
arrays/ID.npz              ID: the manifest's artifact_id
encoders/KEY/…             KEY: digest of the encoder's description, weights included
report/…                   as in a directory

so that a manifest never lies beside the arrays of another: replacing an artifact adds
files and then swaps the manifest, which object stores do in one step. What earlier
manifests named stays, for readers that are still at it. An artifact's directory that
was copied there file by file (arrays.npz, encoder/) is read too.
"""

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import artifacts
from artifacts.artifact import RoutingArtifact
from artifacts.atomic import check_replaceable
from artifacts.cache import addressed, cached, cached_encoder
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import ArtifactError
from artifacts.remote import NotThere, RemoteFolder
from artifacts.store import (
    ENCODER,
    MANIFEST,
    OTHERS,
    load_manifest,
    manifest_of,
    save,
)

BUNDLED_ARTIFACT = "default"


def is_remote(location: str) -> bool:
    """Whether it is an address, not a path (file:// is a path)."""
    return "://" in location and not location.startswith("file://")


def directory_of(location: str, *, encoder: bool = True) -> Path:
    """The local directory with the artifact that lies at `location`.

    A path is resolved and nothing is looked at. What an address holds is downloaded
    and verified, unless the cache has it (`cache.py`), but for its encoder where that
    is not asked for; ArtifactError if that fails.
    """
    if is_remote(location):
        return cached(RemoteFolder(location), encoder=encoder)
    try:
        return _local(location).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise ArtifactError(location, str(error)) from None


def encoder_at(location: str) -> tuple[EncoderSpec, Path]:
    """The encoder of the artifact that lies at `location`, and its files' directory.

    Those of an address are there once `directory_of` has fetched them: the path is the
    same on every machine whose cache is at the same place. ArtifactError.
    """
    if is_remote(location):
        return cached_encoder(RemoteFolder(location))
    directory = directory_of(location)
    return load_manifest(directory).encoder, directory / ENCODER


def artifact_location(artifact: str) -> str:
    """The path or address that a configuration names; nothing is looked at.

    It is a path, an address, or `default`: the bundled artifact.
    """
    if artifact == BUNDLED_ARTIFACT:
        return str(Path(artifacts.__path__[0]) / "default")
    return artifact if is_remote(artifact) else str(directory_of(artifact))


def artifact_directory(artifact: str, *, encoder: bool = True) -> Path:
    """The directory that `artifact` names; what an address holds is fetched, its
    encoder only if that is asked for."""
    return directory_of(artifact_location(artifact), encoder=encoder)


def check_destination(location: str) -> None:
    """ArtifactError unless `save_at` may write there; to be asked before the work."""
    if location == BUNDLED_ARTIFACT:  # a directory here that no command would read
        what = "it names the bundled artifact, not a directory (that is ./default)"
        raise ArtifactError(location, what)
    if not is_remote(location):
        check_replaceable(_local(location), MANIFEST, OTHERS)
        return
    folder = RemoteFolder(location)
    folder.check_writable()
    try:
        manifest_of(folder.read(MANIFEST), folder.where(MANIFEST))
    except NotThere:
        return


def save_at(
    artifact: RoutingArtifact, location: str, *, encoder_directory: Path | None = None
) -> None:
    """`store.save`, to a directory or an address; what is there is replaced.

    ArtifactError: see `check_destination`; or the upload failed, and what was there
    before is still whole.
    """
    if not is_remote(location):
        save(artifact, _local(location), encoder_directory=encoder_directory)
        return
    check_destination(location)
    with TemporaryDirectory() as made:
        directory = Path(made) / "artifact"
        save(artifact, directory, encoder_directory=encoder_directory)
        _upload(directory, RemoteFolder(location))


def _upload(directory: Path, folder: RemoteFolder) -> None:
    manifest = load_manifest(directory)
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    for path in files:
        name = PurePosixPath(path.relative_to(directory)).as_posix()
        if name == MANIFEST:
            continue
        address = addressed(name, manifest)
        # The same address means the same content, if all of it arrived.
        if address == name or folder.size(address) != path.stat().st_size:
            folder.upload(path, address)
    folder.upload(directory / MANIFEST, MANIFEST)


def _local(location: str) -> Path:
    if location.startswith("file://"):
        try:
            return Path(unquote(urlsplit(location).path))
        except ValueError:
            raise ArtifactError(location, "it is not a valid address") from None
    return Path(location)
