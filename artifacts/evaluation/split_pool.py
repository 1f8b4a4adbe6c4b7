"""The same work for many seeds, spread over processes of one thread each.

Sums taken by several threads differ in their last bits from sums taken by one: with
one thread everywhere, results depend neither on the number of processes nor on that
of the machine's cores.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

from artifacts.errors import BadInput

T = TypeVar("T")

# Read when numpy and FAISS load their libraries of linear algebra.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# Set in a process of the pool, once: the work holds the vectors, which are large.
_work: Callable[[int], Any] | None = None


def each_seed(
    work: Callable[[int], T], seeds: Sequence[int], n_processes: int
) -> Iterator[T]:
    """`work(seed)` for each seed, in the order in which they end.

    `work` is sent to each process once, and must pickle. The processes are spawned:
    the caller's main module must be importable. BadInput if one of them is killed.
    """
    # Forking would copy the threads' locks of FAISS and OpenMP.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        n_processes, mp_context=context, initializer=_prepare, initargs=(work,)
    ) as pool:
        with _one_thread_each():
            futures = [pool.submit(_run, seed) for seed in seeds]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            what = f"one of {n_processes} processes was killed"
            advice = "where memory has run out, fewer processes (--workers) need less"
            raise BadInput(f"{what}: {advice}") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are started inside compute on one core each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _prepare(work: Callable[[int], Any]) -> None:
    global _work
    _work = work
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Where the main process is killed, nobody else ends those of its pool: they would
    wait for work, and keep their copies of the vectors, for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(seed: int) -> Any:
    assert _work is not None
    return _work(seed)
