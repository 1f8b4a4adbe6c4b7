"""The constants that scripts/bench/constants has found so far, round after round."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from scripts.overhead.disturbance import MOST_TAKEN, Others
from scripts.scaling.constants import Conditions, Constant

COMMAND = "scripts/bench/constants"


@dataclass
class _Values:
    unit: str
    what: str
    of_rounds: list[float] = field(default_factory=list)
    disturbed: int = 0

    def constant(self) -> Constant:
        """The median; three significant digits are more than a run repeats."""
        return Constant(
            value=_rounded(median(self.of_rounds)),
            unit=self.unit,
            command=COMMAND,
            what=self.what,
            disturbed=self.disturbed > 0,
        )


class Found:
    """The constants as they come, and how the machine was meanwhile."""

    def __init__(self, before: Others) -> None:
        self._before = before
        self._values: dict[str, _Values] = {}
        self._calibrations_ms: list[float] = []

    def add(
        self, name: str, value: float, unit: str, what: str, beside: Sequence[Others]
    ) -> None:
        """One more value; `beside`: what others took while it was measured."""
        found = self._values.setdefault(name, _Values(unit, what))
        found.of_rounds.append(max(0.0, value))
        disturbed = any(others.taken > MOST_TAKEN for others in beside)
        found.disturbed += disturbed
        print(f"{name:38} {_rounded(value):10g} {unit}{'~' * disturbed}", flush=True)

    def calibrated(self, ms: float) -> None:
        """How long the fixed piece of work took just now."""
        self._calibrations_ms.append(ms)
        print(f"{'calibration':38} {_rounded(ms):10g} ms", flush=True)

    def constants(self) -> dict[str, Constant]:
        """Medians of the rounds, by name."""
        return {name: self._values[name].constant() for name in sorted(self._values)}

    def conditions(self) -> Conditions:
        """Of the whole run."""
        took = self._calibrations_ms
        return Conditions(
            rounds=max(len(found.of_rounds) for found in self._values.values()),
            foreign_before=round(self._before.foreign, 3),
            stolen_before=round(self._before.stolen, 3),
            samples=sum(len(found.of_rounds) for found in self._values.values()),
            disturbed=sum(found.disturbed for found in self._values.values()),
            calibration_ms=_rounded(median(took)),
            calibration_least_ms=_rounded(min(took)),
            calibration_most_ms=_rounded(max(took)),
        )


def _rounded(value: float) -> float:
    return float(f"{max(0.0, value):.3g}")
