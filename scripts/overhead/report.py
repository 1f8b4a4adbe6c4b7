"""Everything a run has found, to and from JSON."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scripts.overhead.own_figures import OwnFigures
from scripts.overhead.plan import Plan
from scripts.overhead.rounds import Figures
from scripts.overhead.sampling import Sample
from scripts.overhead.summary import Summary


@dataclass
class Report:
    """Figures by scenario and target."""

    plan: Plan
    machine: str
    scenarios: dict[str, dict[str, Figures]] = field(default_factory=dict)
    own: list[OwnFigures] = field(default_factory=list)

    def summary(self, scenario: str) -> Summary:
        """Of a scenario; empty if it was not run."""
        return Summary(self.scenarios.get(scenario, {}), self.plan.most_foreign)

    @property
    def disturbed(self) -> tuple[int, int]:
        """How many samples others disturbed, and how many there are."""
        every = [
            sample
            for figures in self.scenarios.values()
            for of_target in figures.values()
            for samples in of_target.samples.values()
            for sample in samples
        ]
        most = self.plan.most_foreign
        return sum(sample.taken > most for sample in every), len(every)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Report":
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            plan=Plan(**values["plan"]),
            machine=values["machine"],
            scenarios={
                scenario: {name: _figures(found) for name, found in targets.items()}
                for scenario, targets in values["scenarios"].items()
            },
            own=[OwnFigures(**figures) for figures in values["own"]],
        )


def _figures(values: Mapping[str, Any]) -> Figures:
    samples = {
        case: [Sample(**sample) for sample in found]
        for case, found in values["samples"].items()
    }
    return Figures(**{**values, "samples": samples})


def this_machine() -> str:
    """Processors and memory, in words."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} × {model}, {pages / 2**30:.0f} GiB"
