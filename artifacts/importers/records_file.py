"""Writing a records file, all or nothing."""

import gzip
import json
import lzma
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from artifacts.errors import BadInput


def check_writable(path: Path) -> None:
    """BadInput if a file cannot be put there; said before the work, not after."""
    if path.is_dir():
        raise BadInput(f"{path}: is a directory; a records file is needed")


def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, .gz or .xz by suffix; the same records, same bytes.

    What was there is replaced only when everything is on disk.
    """
    check_writable(path)
    try:
        with _replacing(path.resolve()) as raw, _packed(raw, path.suffix) as file:
            for record in records:
                line = json.dumps(record, ensure_ascii=False)
                file.write(line.encode("utf-8") + b"\n")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    staging = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        staging.chmod(0o644)
        staging.replace(target)
    finally:
        staging.unlink(missing_ok=True)


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
