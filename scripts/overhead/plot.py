"""The picture of the main scenario: what each gateway burns, and how fast it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.overhead.summary import Spread, Summary
from scripts.overhead.table import CPU, RATE, Column

_OURS = "#c2410c"
_OTHERS = "#94a3b8"
_PANELS = (
    ("CPU-ms per plain request, c = 16", CPU[1]),
    ("CPU-ms per 50-chunk stream, c = 16", CPU[5]),
    ("plain requests/s, c = 16", RATE[0]),
    ("streams/s, c = 16", RATE[4]),
)


def draw(summary: Summary, path: Path) -> None:
    """A PNG with a panel for each figure, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 0.6 + 0.35 * len(summary.targets)), dpi=150)
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    for axis, (title, column) in zip(axes, _PANELS, strict=True):
        _panel(axis, summary, column)
        axis.set_title(title, fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


def _panel(axis: Any, summary: Summary, column: Column) -> None:
    targets = list(reversed(summary.targets))
    found = [column.figure(summary, target) for target in targets]
    values = [0.0 if each is None else each.median for each in found]
    colours = [_OURS if name.startswith("gateway") else _OTHERS for name in targets]
    axis.barh(targets, values, xerr=_ranges(found), color=colours, ecolor="#334155")
    axis.set_xscale("log")
    axis.tick_params(labelsize=7)
    for row, each in enumerate(found):
        if each is not None:
            form = ",.0f" if each.median >= 100 else ".3g"
            text = f" {each.median:{form}}"
            axis.annotate(text, (each.most, row), va="center", fontsize=7)
    axis.margins(x=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def _ranges(found: Sequence[Spread | None]) -> list[list[float]]:
    known = [each or Spread(0.0, 0.0, 0.0) for each in found]
    return [
        [each.median - each.least for each in known],
        [each.most - each.median for each in known],
    ]
