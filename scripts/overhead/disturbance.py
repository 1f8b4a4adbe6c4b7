"""How far the machine was ours while something was measured."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from scripts.overhead.accounts import cpu_ms, machine

MOST_TAKEN = 0.1  # of the machine: a figure that is measured beside more is disturbed
T = TypeVar("T")


@dataclass
class Others:
    """Shares of the machine's processors, filled in when the time watched is over:
    `foreign` is what processes used that are neither this one nor started by it,
    `stolen` what other machines on the same hardware were given in our place. Whoever
    shares a core with us (SMT) is in neither: then the same work takes more CPU-ms."""

    foreign: float = 0.0
    stolen: float = 0.0

    @property
    def taken(self) -> float:
        return self.foreign + self.stolen


@contextmanager
def watched() -> Iterator[Others]:
    """What others take of the machine meanwhile."""
    others = Others()
    began, before, ours_ms = time.perf_counter(), machine(), _ours_ms()
    yield others
    ours_ms, after = _ours_ms() - ours_ms, machine()
    whole_ms = (time.perf_counter() - began) * 1e3 * (os.cpu_count() or 1)
    busy_ms = after.busy_ms - before.busy_ms
    others.foreign = max(0.0, busy_ms - ours_ms) / whole_ms
    others.stolen = (after.stolen_ms - before.stolen_ms) / whole_ms


def _ours_ms() -> float:
    return sum(cpu_ms([os.getpid()]).values())


def least_disturbed(
    take: Callable[[], T], taken: Callable[[T], float], *, most: float, repeats: int
) -> T:
    """The first with at most so much `taken` by others; after `repeats` more, the one
    with the least."""
    best = take()
    for _ in range(repeats):
        if taken(best) <= most:
            break
        best = min(best, take(), key=taken)
    return best


def said_of_samples(disturbed: int, every: int, most: float) -> str:
    """What `~` stands for, and how often."""
    share = f"{most:.0%} of the machine (~)"
    return f"In {disturbed} of {every} samples others used over {share}"
