"""How our figures look: size, colours, saving, labels that keep clear of each other.

Matplotlib is imported only when a figure is drawn; pyplot and its global state are
never used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from artifacts.errors import BadInput
from artifacts.evaluation.curves import Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path as MplPath
    from matplotlib.transforms import Bbox, Transform

# Okabe and Ito's palette: distinct under every common kind of colour blindness.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#8C564B",
    "#F0E442",
)
INK = "#222222"
GREY = "#8A8A8A"
PALE = "#D9D9D9"

# At 9 inches and 200 dpi a figure has twice the pixels that a README shows.
WIDTH = 9.0
_DPI = 200
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "text.parse_math": False,  # models and collections may have dollars in their names
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#EDEDED",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
_DIRECTIONS = tuple(
    (np.cos(turn), np.sin(turn))
    for turn in np.pi * np.array([0, 8, 4, 12, 2, 14, 6, 10]) / 8
)
_FURTHER = (0, 7, 17, 29)  # points
_CLEARANCE = 4  # pixels


@contextmanager
def drawing(path: Path, height: float) -> Iterator[Figure]:
    """A figure that is saved as PNG when the block ends; the same input, same bytes.

    BadInput if matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        what = "figures need matplotlib: install the extra 'train', or it alone"
        raise BadInput(what) from None
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=_DPI, layout="constrained")
        yield figure
        figure.savefig(path, format="png", metadata={"Software": None})


@dataclass(frozen=True, slots=True)
class Label:
    """A text for a point; the text stays `clear` points away from it."""

    text: str
    size: float = 8.0
    clear: float = 7.0


def label_points(axes: Axes, x: Values, y: Values, labels: Sequence[Label]) -> None:
    """Write each text beside its point, clear of other labels, points, lines, legend.

    Points are served in the given order; one without free room stays without label.
    """
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.draw_without_rendering()
    room = _Room.of(axes, axes.transData.transform(np.column_stack([x, y])))
    for point, label in zip(zip(x, y, strict=True), labels, strict=True):
        room.label(axes, point, label)


@dataclass(slots=True)
class _Room:
    """What is taken already, in pixels."""

    inside: Bbox
    obstacles: NDArray[np.float64]  # (n, 2)
    taken: list[Bbox]

    @classmethod
    def of(cls, axes: Axes, points: NDArray[np.float64]) -> _Room:
        lines = [_along(line.get_path(), line.get_transform()) for line in axes.lines]
        legend = axes.get_legend()
        taken = [] if legend is None else [legend.get_window_extent()]
        return cls(axes.get_window_extent(), np.concatenate([points, *lines]), taken)

    def label(self, axes: Axes, point: tuple[float, float], wanted: Label) -> None:
        from matplotlib.text import Text

        for further in _FURTHER:
            radius = wanted.clear + further
            for dx, dy in _DIRECTIONS:
                label = axes.annotate(
                    wanted.text,
                    point,
                    xytext=(radius * dx, radius * dy),
                    textcoords="offset points",
                    fontsize=wanted.size,
                    color=INK,
                    ha="left" if dx > 0.1 else "right" if dx < -0.1 else "center",
                    va="bottom" if dy > 0.5 else "top" if dy < -0.5 else "center",
                    arrowprops=_leader(wanted.clear) if further else None,
                )
                label.get_window_extent()  # works out where the text stands
                box = Text.get_window_extent(label)
                if self._is_free(box) and self._can_lead(axes, point, box):
                    self.taken.append(box)
                    return
                label.remove()

    def _can_lead(self, axes: Axes, point: tuple[float, float], box: Bbox) -> bool:
        """Whether the line from the text to its point crosses no other text."""
        here = axes.transData.transform(point)
        middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
        steps = np.linspace(0, 1, 50)[:, None]
        line = here + steps * (middle - here)
        taken = [box.padded(_CLEARANCE) for box in self.taken]
        return not any(other.count_contains(line) for other in taken)

    def _is_free(self, box: Bbox) -> bool:
        within = self.inside.x0 < box.x0 and box.x1 < self.inside.x1
        within = within and self.inside.y0 < box.y0 and box.y1 < self.inside.y1
        if not within or any(box.overlaps(other) for other in self.taken):
            return False
        x, y = self.obstacles.T
        wide = box.padded(_CLEARANCE)
        covered = (x > wide.x0) & (x < wide.x1) & (y > wide.y0) & (y < wide.y1)
        return not bool(covered.any())


def _along(path: MplPath, transform: Transform) -> NDArray[np.float64]:
    """Points a few pixels apart along a drawn line."""
    corners = transform.transform(path.vertices)
    corners = corners[np.isfinite(corners).all(axis=1)]
    steps = np.hypot(*np.diff(corners, axis=0).T)
    length = np.r_[0, np.cumsum(steps)]
    at = np.arange(0, length[-1], _CLEARANCE)
    columns = [np.interp(at, length, corners[:, axis]) for axis in (0, 1)]
    return np.column_stack(columns)


def _leader(clear: float) -> dict[str, object]:
    return {
        "arrowstyle": "-",
        "color": GREY,
        "linewidth": 0.5,
        "shrinkA": 0,
        "shrinkB": max(3.0, clear - 4),
    }
