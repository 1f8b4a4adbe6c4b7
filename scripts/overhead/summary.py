"""From samples to the figures that are shown: medians over rounds, with their range."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from scripts.overhead.plan import DIRECT
from scripts.overhead.rounds import Figures, finite
from scripts.overhead.sampling import Sample

Value = Callable[[Sample], float]
_CONNECTIONS = re.compile(r"\bc=(\d+)")  # in the name of a case
_FEW = 4  # answers a connection


@dataclass(frozen=True)
class Spread:
    """A median, and the range of the rounds."""

    median: float
    least: float
    most: float
    marks: str = ""  # `!` errors in some sample, `~` others used the machine


def spread(values: Sequence[float], marks: str = "") -> Spread | None:
    """Nothing of nothing."""
    known = finite(values)
    if not known:
        return None
    return Spread(median(known), min(known), max(known), marks)


def over(upper: Spread | None, lower: Spread | None) -> Spread | None:
    """The ratio of two figures, with the marks of both."""
    if upper is None or lower is None or not lower.median:
        return None
    marks = "".join(sorted({*upper.marks, *lower.marks}))
    return Spread(
        upper.median / lower.median,
        upper.least / lower.most,
        upper.most / lower.least if lower.least else float("inf"),
        marks,
    )


class Summary:
    """Figures of all targets of a run."""

    def __init__(self, figures: Mapping[str, Figures], most_foreign: float) -> None:
        self._figures = figures
        self._most_foreign = most_foreign

    @property
    def names(self) -> list[str]:
        """Of all targets, also of those that are absent."""
        return list(self._figures)

    @property
    def targets(self) -> list[str]:
        """Of those that were measured."""
        return [name for name, found in self._figures.items() if not found.absent]

    @property
    def absent(self) -> dict[str, str]:
        """Why, by target."""
        return {
            name: found.absent
            for name, found in self._figures.items()
            if found.absent is not None
        }

    def of(self, target: str, case: str, value: Value) -> Spread | None:
        """A figure of one case."""
        samples = self._samples(target, case)
        return spread([value(sample) for sample in samples], self._marks(samples))

    def added(self, target: str, case: str, value: Value) -> Spread | None:
        """The same less what it is without a gateway in the same round."""
        rounds, bare = (
            self._figures[each].by_round(case) if each in self._figures else []
            for each in (target, DIRECT)
        )
        pairs = [(a, b) for a, b in zip(rounds, bare, strict=False) if a and b]
        values = [value(with_it) - value(without) for with_it, without in pairs]
        return spread(values, self._marks([each for pair in pairs for each in pair]))

    def memory(self, target: str) -> tuple[Spread | None, Spread | None]:
        """MiB after the start, and after all its loads."""
        found = self._figures[target]
        idle, after = (
            spread([sum(sizes.values()) for sizes in rounds])
            for rounds in (found.idle_mib, found.after_mib)
        )
        return idle, after

    def errors(self, target: str) -> dict[str, int]:
        """All of a target's errors, by kind."""
        found: dict[str, int] = {}
        for samples in self._figures[target].samples.values():
            for sample in samples:
                for kind, number in sample.errors.items():
                    found[kind] = found.get(kind, 0) + number
        return found

    def missed(self, target: str) -> int:
        """Rounds in which it did not start, and which are in none of its figures."""
        return len(self._figures[target].missed)

    def slow_cases(self, target: str) -> list[str]:
        """Those in whose samples each connection had but few answers (medians).

        A rate counts what has ended when the sample is over, so theirs is a lower
        bound. CPU is told per answer, those that ended later included.
        """
        found: list[str] = []
        if target not in self._figures:
            return found
        for case, samples in self._figures[target].samples.items():
            connections = _CONNECTIONS.search(case)
            if connections is None or not samples:
                continue
            answers = median(sample.answers for sample in samples)
            if answers < _FEW * int(connections[1]):
                found.append(case)
        return found

    def parts(self, target: str, case: str) -> dict[str, float]:
        """CPU-ms per answer by group of processes, medians."""
        samples = self._samples(target, case)
        names = {name for sample in samples for name in sample.cpu_ms}
        of_each = {
            name: finite([sample.cpu_ms.get(name, 0.0) for sample in samples])
            for name in names
        }
        found = {name: median(known) for name, known in of_each.items() if known}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _samples(self, target: str, case: str) -> list[Sample]:
        found = self._figures.get(target)
        return [] if found is None else found.samples.get(case, [])

    def _marks(self, samples: Sequence[Sample]) -> str:
        failed = any(sample.errors for sample in samples)
        disturbed = any(sample.taken > self._most_foreign for sample in samples)
        return "!" * failed + "~" * disturbed
