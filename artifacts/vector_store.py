"""Vectors of texts in a folder: appended as they are made, found again by their text.

vectors.json   whose vectors these are; another encoder's are refused
vectors.f32    rows of unit length, float32, little-endian
texts.sha256   the SHA-256 of each row's text
lock           held by the process that writes

A row exists once its digest is written, and its vector is on the disk before that.
What lies behind the last whole row is dropped when the folder is opened, so a process
may be killed at any moment.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from artifacts.clustering import Vectors
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import ArtifactError, EncoderMismatch, first_of

MANIFEST = "vectors.json"
_VECTORS = "vectors.f32"
_DIGESTS = "texts.sha256"
_LOCK = "lock"
_DIGEST_BYTES = 32


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    encoder: EncoderSpec


class VectorStore:
    """Open for this process alone; see `opened`."""

    def __init__(self, vectors: IO[bytes], digests: IO[bytes], dimension: int) -> None:
        self._vectors = vectors
        self._digests = digests
        self._dimension = dimension
        self._row_of = {digest: row for row, digest in enumerate(self._recovered())}

    def __len__(self) -> int:
        return len(self._row_of)

    def missing(self, texts: Sequence[str]) -> list[str]:
        """Those without a vector, each once, in their order."""
        wanted = dict.fromkeys(texts)
        return [text for text in wanted if _digest(text) not in self._row_of]

    def append(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Unit rows (n, d) of texts that are `missing`; on the disk on return."""
        digests = [_digest(text) for text in texts]
        _append(self._vectors, np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        _append(self._digests, b"".join(digests))
        for digest in digests:
            self._row_of[digest] = len(self._row_of)

    def rows(self, texts: Sequence[str]) -> Vectors:
        """The vectors (n, d) of texts, all of which are in here.

        They stay on the disk and are mapped, read only, if the texts are the first n
        in the order of the file; in another order they are copied into memory.
        """
        order = np.array([self._row_of[_digest(text)] for text in texts], dtype=np.intp)
        shape = len(self), self._dimension
        mapped = np.memmap(self._vectors.name, "<f4", mode="r", shape=shape)
        if np.array_equal(order, np.arange(len(order))):
            return np.asarray(mapped[: len(order)])
        return np.asarray(mapped[order])

    def _recovered(self) -> list[bytes]:
        """The digests of all whole rows; the files are cut behind the last one."""
        width = 4 * self._dimension
        self._digests.seek(0)
        data = self._digests.read()
        held = os.fstat(self._vectors.fileno()).st_size // width
        n = min(len(data) // _DIGEST_BYTES, held)
        self._digests.truncate(n * _DIGEST_BYTES)
        self._vectors.truncate(n * width)
        starts = range(0, n * _DIGEST_BYTES, _DIGEST_BYTES)
        return [data[start : start + _DIGEST_BYTES] for start in starts]


@contextmanager
def opened(directory: Path, spec: EncoderSpec) -> Iterator[VectorStore]:
    """The folder's store, made if there is none; `spec` is the encoder in use.

    ArtifactError: another process has it open, it holds other things, or the disk
    fails. EncoderMismatch: its vectors are another encoder's.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _check_ours(directory)
        with (directory / _LOCK).open("wb") as lock:
            _hold(lock, directory)
            _check_encoder(directory, spec)
            with (
                (directory / _VECTORS).open("ab") as vectors,
                (directory / _DIGESTS).open("a+b") as digests,
            ):
                yield VectorStore(vectors, digests, spec.dimension)
    except OSError as error:
        raise ArtifactError(directory, error.strerror or str(error)) from None


def _check_ours(directory: Path) -> None:
    names = {path.name for path in directory.iterdir()}
    if names - {_LOCK, f"{MANIFEST}.new"} and MANIFEST not in names:
        what = f"it is not empty and holds no {MANIFEST}: not a folder of embeddings"
        raise ArtifactError(directory, what)


def _hold(lock: IO[bytes], directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        what = "another process is embedding into this folder"
        raise ArtifactError(directory, what) from None


def _check_encoder(directory: Path, spec: EncoderSpec) -> None:
    path = directory / MANIFEST
    if not path.exists():
        manifest = _Manifest(encoder=spec)
        new = directory / f"{MANIFEST}.new"
        new.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        new.replace(path)
        return
    try:
        held = _Manifest.model_validate_json(path.read_bytes()).encoder
    except ValidationError as error:
        raise ArtifactError(path, first_of(error, "manifest")) from None
    if differences := held.differences(spec):
        what = f"vectors of another encoder: {'; '.join(differences)}"
        raise EncoderMismatch(f"{directory}: {what}")


def _append(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
