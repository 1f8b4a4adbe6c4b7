"""The figures of the paper for any evaluation; PNG, for a README about 900 px wide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artifacts.evaluation.averages import (
    AverageCurve,
    average,
    average_over_cost,
    average_singles,
    elbows,
)
from artifacts.evaluation.canvas import GREY, INK, PALE, PALETTE, drawing, label_points
from artifacts.evaluation.curves import Values, pareto_front
from artifacts.evaluation.judging import EvaluationResult, SplitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALPHA_NOTE = (
    "Band: mean ± 1.96 sd over the splits. Dashed: elbows of the cost curve, its "
    "points farthest from the chord."
)
_BASELINES = {"mix-of-two", "best-single", "cheapest", "random", "oracle"}
_BAND = 1.96
# Up to this α a note stands to the right of its line, beyond it to the left.
_LEFT_END = 0.2
# Models beyond these share one colour in the figure of shares.
_MAX_MODELS = len(PALETTE)


def write_figures(result: EvaluationResult, directory: Path, method: str) -> None:
    """accuracy-cost.png, alpha.png and shares.png; the last two show `method`.

    BadInput if matplotlib is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    plot_accuracy_cost(result, directory / "accuracy-cost.png")
    curve = average(result.splits, method)
    plot_alpha(curve, method, directory / "alpha.png")
    plot_shares(curve, result.models, directory / "shares.png")


def plot_accuracy_cost(result: EvaluationResult, path: Path) -> None:
    """Every method's curve among the single models.

    Cost is on a logarithmic axis, unless something is free.
    """
    splits = result.splits
    with drawing(path, 5.6) as figure:
        axes = figure.add_subplot()
        accuracy, cost_usd = average_singles(splits)
        _draw_singles(axes, accuracy, cost_usd)
        _draw_curves(axes, splits)
        _scale_cost(axes, log=_least_cost(splits) > 0)
        axes.set_ylabel("held-out accuracy, %")
        number = "one split" if len(splits) == 1 else f"mean over {len(splits)} splits"
        axes.set_title(f"Accuracy against cost, {number}")
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
        order = np.argsort(-accuracy)
        names = [result.models[column] for column in order]
        label_points(axes, 1000 * cost_usd[order], 100 * accuracy[order], names, size=7)


def _least_cost(splits: Sequence[SplitResult]) -> float:
    curves = [curve for split in splits for curve in split.curves.values()]
    return min(float(curve.cost_usd.min()) for curve in curves)


def _scale_cost(axes: Axes, *, log: bool) -> None:
    if not log:
        axes.set_xlabel("cost of 1,000 queries, USD")
        return
    axes.set_xlabel("cost of 1,000 queries, USD (logarithmic)")
    axes.set_xscale("log")
    axes.set_xticks(*_ticks(axes.get_xlim()))
    axes.minorticks_off()


def _ticks(limits: tuple[float, float]) -> tuple[list[float], list[str]]:
    """1, 2 and 5 of each power of ten within the limits."""
    low, high = limits
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    places = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    places = [place for place in places if low <= place <= high]
    return places, [f"{place:g}" for place in places]


def _draw_singles(axes: Axes, accuracy: Values, cost_usd: Values) -> None:
    front = pareto_front(cost_usd, accuracy)
    axes.step(
        1000 * cost_usd[front],
        100 * accuracy[front],
        where="post",
        color=GREY,
        linewidth=1,
        label="Pareto front of the single models",
    )
    axes.scatter(1000 * cost_usd, 100 * accuracy, s=18, color=GREY, zorder=3)


def _draw_curves(axes: Axes, splits: Sequence[SplitResult]) -> None:
    names = [name for name in splits[0].curves if name not in _BASELINES]
    for name, colour in zip(names, PALETTE, strict=False):
        curve = average(splits, name)
        axes.plot(
            1000 * curve.cost_usd,
            100 * curve.accuracy,
            color=colour,
            linewidth=1.8,
            label=name,
            zorder=4,
        )
    cost_usd, accuracy = average_over_cost(splits, "mix-of-two")
    axes.plot(
        1000 * cost_usd,
        100 * accuracy,
        "--",
        color=INK,
        linewidth=1,
        label="mix-of-two",
    )
    oracle = average(splits, "oracle")
    axes.plot(
        1000 * oracle.cost_usd,
        100 * oracle.accuracy,
        "*",
        color=INK,
        markersize=11,
        label="oracle (cheapest correct model)",
        linestyle="none",
    )


def plot_alpha(curve: AverageCurve, method: str, path: Path) -> None:
    """Accuracy and cost over α, with the spread over the splits and the elbows."""
    accuracy = 100 * curve.accuracy, 100 * curve.accuracy_sd
    cost_usd = 1000 * curve.cost_usd, 1000 * curve.cost_sd
    with drawing(path, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        for axes, values, colour in (
            (left, accuracy, PALETTE[0]),
            (right, cost_usd, PALETTE[1]),
        ):
            _draw_over_alpha(axes, curve.alpha, values, colour)
            _draw_elbows(axes, elbows(curve.alpha, curve.cost_usd))
        left.set_title(f"Accuracy, % ({method})")
        right.set_title(f"Cost of 1,000 queries, USD ({method})")
        figure.supxlabel(_ALPHA_NOTE, fontsize=8, color=GREY)


def _draw_over_alpha(
    axes: Axes, alpha: Values, values: tuple[Values, Values], colour: str
) -> None:
    mean, sd = values
    low, high = mean - _BAND * sd, mean + _BAND * sd
    axes.plot(alpha, mean, color=colour, linewidth=1.8)
    axes.fill_between(alpha, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.margins(y=0.15)
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


def plot_shares(curve: AverageCurve, models: Sequence[str], path: Path) -> None:
    """Which models answer, over α: cheap-side models at the bottom."""
    total = curve.share.mean(axis=0)
    shown = np.argsort(-total, kind="stable")[:_MAX_MODELS]
    shown = shown[total[shown] > 0]
    centre = (curve.share[:, shown] * curve.alpha[:, None]).sum(axis=0)
    centre /= curve.share[:, shown].sum(axis=0)
    shown = shown[np.argsort(centre, kind="stable")]
    rest = 1 - curve.share[:, shown].sum(axis=1)
    with drawing(path, 4.4) as figure:
        axes = figure.add_subplot()
        axes.stackplot(
            curve.alpha,
            100 * np.column_stack([curve.share[:, shown], np.maximum(rest, 0)]).T,
            labels=[*(models[column] for column in shown), "other models"],
            colors=[*PALETTE[: len(shown)], PALE],
            edgecolor="white",
            linewidth=0.4,
        )
        axes.set(xlim=(0, 1), ylim=(0, 100), xlabel="α", ylabel="share of queries, %")
        axes.set_title("Which models answer")
        axes.grid(visible=False)
        handles, names = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1],
            names[::-1],
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),
            fontsize=9,
        )
