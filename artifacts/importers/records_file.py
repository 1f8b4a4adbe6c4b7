"""Writing a records file, all or nothing."""

import gzip
import json
import lzma
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from artifacts.atomic import probe, resolved
from artifacts.errors import BadInput


def check_writable(path: Path) -> None:
    """BadInput if a file cannot be put there; said before the work, not after."""
    try:
        place = resolved(path)
        if place.is_dir():
            raise BadInput(f"{path}: is a directory; a file is needed")
        # Of a device, say: root would put a file in its place, for the whole system.
        if place.exists() and not place.is_file():
            what = "is no regular file, so nothing is put in its place"
            raise BadInput(f"{path}: {what}")
        probe(place)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, .gz or .xz by suffix; the same records, same bytes.

    What was there is replaced only when everything is on disk.
    """
    check_writable(path)
    try:
        with _replacing(resolved(path)) as raw, _packed(raw, path.suffix) as file:
            for record in records:
                line = json.dumps(record, ensure_ascii=False)
                file.write(line.encode("utf-8") + b"\n")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = _mode(target)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    staging = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        staging.chmod(mode)
        staging.replace(target)
    finally:
        staging.unlink(missing_ok=True)


def _mode(target: Path) -> int:
    """Who may read what is there, else a new file: queries may be confidential."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def _packed(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    if suffix == ".xz":
        with lzma.open(raw, "wb") as file:
            yield file
    elif suffix == ".gz":
        # Neither name nor time goes into the header: the same records, same bytes.
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
            yield cast("IO[bytes]", packed)
    else:
        yield raw
