"""What α does: accuracy, cost, and which models answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artifacts.evaluation.averages import AverageCurve, elbows
from artifacts.evaluation.canvas import GREY, PALE, PALETTE, drawing
from artifacts.evaluation.curves import Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAND_NOTE = "Band: 95 % of the mean over the splits, which share rows. "
_ELBOW_NOTE = "Dashed: elbows of the cost curve, its points farthest from the chord."
# Up to this α a note stands to the right of its line, beyond it to the left.
_LEFT_END = 0.2
# A band of two or three splits may be wider than all that the curve does.
_WIDEST_MARGIN = 0.5  # of the curve's range
# Models beyond these, and models that never answer 1 % of the queries, share a colour.
_MAX_MODELS = len(PALETTE)
_LEAST_SHARE = 0.01


def plot_alpha(curve: AverageCurve, method: str, path: Path) -> None:
    """Accuracy and cost over α, with the band of the mean and the elbows."""
    places = elbows(curve.alpha, curve.cost_usd)
    with drawing(path, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        band = _Band(100 * curve.accuracy, 100 * curve.accuracy_band, highest=100)
        band.draw(left, curve.alpha, PALETTE[0])
        band = _Band(1000 * curve.cost_usd, 1000 * curve.cost_band)
        band.draw(right, curve.alpha, PALETTE[1])
        for axes in (left, right):
            _draw_elbows(axes, places)
        left.set_title(f"Accuracy, % ({method})")
        right.set_title(f"Cost of 1,000 queries, USD ({method})")
        has_band = np.isfinite(curve.accuracy_band).all()
        note = (_BAND_NOTE if has_band else "") + (_ELBOW_NOTE if places else "")
        if note:
            figure.supxlabel(note, fontsize=8, color=GREY)


@dataclass(frozen=True, slots=True, eq=False)
class _Band:
    """A line with its half-widths (nan: none), of values from 0 to `highest`."""

    mean: Values
    half: Values
    highest: float = math.inf

    def draw(self, axes: Axes, alpha: Values, colour: str) -> None:
        half = np.nan_to_num(self.half)
        low = np.maximum(self.mean - half, 0)
        high = np.minimum(self.mean + half, self.highest)
        axes.plot(alpha, self.mean, color=colour, linewidth=1.8)
        axes.fill_between(alpha, low, high, color=colour, alpha=0.18, linewidth=0)
        widest = _WIDEST_MARGIN * float(np.ptp(self.mean)) or 1.0
        bottom = max(float(low.min()), float(self.mean.min()) - widest)
        top = min(float(high.max()), float(self.mean.max()) + widest)
        span = (top - bottom) or 1.0
        # Room for the notes of the elbows above.
        axes.set_ylim(bottom - 0.05 * span, top + 0.2 * span)
        axes.set_xlim(0, 1)
        axes.set_xlabel("α")


def _draw_elbows(axes: Axes, places: Sequence[float]) -> None:
    for row, at in enumerate(places):
        axes.axvline(at, color=GREY, linestyle="--", linewidth=1)
        axes.annotate(
            f"α = {at:.2f}",
            (at, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-4 if at > _LEFT_END else 4, -2 - 14 * row),
            textcoords="offset points",
            ha="right" if at > _LEFT_END else "left",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )


def plot_shares(
    curve: AverageCurve, models: Sequence[str], method: str, path: Path
) -> None:
    """Which models answer, over α: cheap-side models at the bottom."""
    shown = _shown(curve)
    share = curve.share[:, shown]
    rest = np.maximum(1 - share.sum(axis=1), 0)
    labels = [models[column] for column in shown]
    if len(shown) < np.count_nonzero(curve.share.max(axis=0)):
        labels.append("other models")
        share = np.column_stack([share, rest])
    with drawing(path, 4.4) as figure:
        axes = figure.add_subplot()
        axes.stackplot(
            curve.alpha,
            100 * share.T,
            labels=labels,
            colors=[*PALETTE[: len(shown)], PALE],
            edgecolor="white",
            linewidth=0.4,
        )
        axes.set(xlim=(0, 1), ylim=(0, 100), xlabel="α", ylabel="share of queries, %")
        axes.set_title(f"Which models answer ({method})")
        axes.grid(visible=False)
        handles, names = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1],
            names[::-1],
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),
            fontsize=9,
        )


def _shown(curve: AverageCurve) -> list[int]:
    """Columns with a colour of their own, by the α at which they mostly answer."""
    width = np.gradient(curve.alpha) if len(curve.alpha) > 1 else np.ones(1)
    area = width @ curve.share
    moment = (width * curve.alpha) @ curve.share
    often = np.argsort(-area, kind="stable")[:_MAX_MODELS]
    often = often[curve.share[:, often].max(axis=0) >= _LEAST_SHARE]
    centre = moment[often] / np.maximum(area[often], np.finfo(float).tiny)
    return [int(column) for column in often[np.argsort(centre, kind="stable")]]
