"""Texts of a dataset → unit rows, each distinct text once."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from artifacts.clustering import Vectors, unit_rows
from artifacts.encoder import Encoder
from artifacts.errors import BadInput
from artifacts.vector_store import VectorStore, opened

Progress = Callable[[int, int], None]  # distinct texts done, and in all

_CHUNK = 256  # texts between two looks at the progress, and between two writes
_SHARE = 8  # texts that a thread takes at a time
# What ONNX and torch say of it: importing them for their classes would be dear.
_NO_MEMORY = re.compile(
    r"out of memory|allocate memory|bad.?alloc|alloc_failed", re.IGNORECASE
)


def embed(
    queries: Sequence[str],
    encoder: Encoder,
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
    threads: int = 1,
) -> Vectors:
    """Unit rows (n, d) of all queries.

    Vectors are kept in `folder` as they are made (`vector_store.py`), and those that
    are there already, from another run or other records, are not made again.
    `threads` encode at once where one text is a run of its own (ONNX): no vector
    depends on it. BadInput: a vector has no direction; or see `opened`. MemoryError
    names the texts for which memory ran out, whatever the encoder's library.
    """
    tell = progress or _ignore
    work = _Work(encoder, threads)
    if folder is not None:
        with opened(folder, encoder.spec) as store:
            _fill(store, queries, work, tell)
            return store.rows(queries)
    distinct = list(dict.fromkeys(queries))
    vectors = np.empty((len(distinct), encoder.spec.dimension), dtype=np.float32)
    for start, rows in work.chunks(distinct):
        vectors[start : start + len(rows)] = rows
        tell(start + len(rows), len(distinct))
    if len(distinct) == len(queries):
        return vectors
    row_of = {text: row for row, text in enumerate(distinct)}
    return vectors[[row_of[text] for text in queries]]


def _fill(
    store: VectorStore, queries: Sequence[str], work: "_Work", tell: Progress
) -> None:
    missing = store.missing(queries)
    total = len(set(queries))
    done = total - len(missing)
    tell(done, total)
    for start, rows in work.chunks(missing):
        store.append(missing[start : start + len(rows)], rows)
        tell(done + start + len(rows), total)


class _Work:
    """An encoder and how many threads it may run in."""

    def __init__(self, encoder: Encoder, threads: int) -> None:
        self._encoder = encoder
        self._threads = threads if encoder.spec.kind == "onnx" else 1

    def chunks(self, texts: Sequence[str]) -> Iterator[tuple[int, Vectors]]:
        """Where each chunk of `texts` starts, and its unit rows."""
        with ThreadPoolExecutor(self._threads) as pool:
            for start in range(0, len(texts), _CHUNK):
                chunk = texts[start : start + _CHUNK]
                with _memory_for(chunk):
                    rows = self._rows(pool, chunk)
                yield start, _unit(rows, chunk)

    def _rows(self, pool: ThreadPoolExecutor, chunk: Sequence[str]) -> Vectors:
        if self._threads == 1:
            return self._encoder.encode(chunk)
        return np.concatenate([*pool.map(self._encoder.encode, _cut(chunk))])


@contextmanager
def _memory_for(texts: Sequence[str]) -> Iterator[None]:
    """MemoryError in one line, by whatever name a library runs out of memory."""
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split())
        if not isinstance(error, MemoryError) and not _NO_MEMORY.search(why):
            raise
        raise MemoryError(f"{_named(texts)}: {why or 'none is left'}") from None


def _unit(rows: Vectors, texts: Sequence[str]) -> Vectors:
    try:
        return unit_rows(rows)
    except ValueError as error:
        raise BadInput(f"{_named(texts)}: {error}") from None


def _named(texts: Sequence[str]) -> str:
    first, last = (text[:40] for text in (texts[0], texts[-1]))
    return f"embedding {first!r} and what follows up to {last!r}"


def _cut(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[i : i + _SHARE] for i in range(0, len(texts), _SHARE)]


def _ignore(done: int, total: int) -> None:
    pass
