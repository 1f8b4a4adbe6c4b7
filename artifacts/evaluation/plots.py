"""The figures of the paper for any evaluation; PNG, for a README about 900 px wide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artifacts.evaluation.alpha_plots import plot_alpha, plot_shares
from artifacts.evaluation.averages import average, average_over_cost, average_singles
from artifacts.evaluation.baselines import BASELINES, ORACLE
from artifacts.evaluation.canvas import (
    GREY,
    INK,
    PALETTE,
    Label,
    drawing,
    label_points,
)
from artifacts.evaluation.curves import Values, pareto_front
from artifacts.evaluation.results import EvaluationResult, SplitResult
from artifacts.paper.published import Published

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PUBLISHED = "#8C564B"


def write_figures(
    result: EvaluationResult,
    directory: Path,
    methods: Sequence[str],
    published: Published | None = None,
) -> None:
    """accuracy-cost.png; alpha.png and shares.png for the first of `methods`, and
    alpha-NAME.png and shares-NAME.png for the others; published.png and
    beside-published.png if there is something `published`.

    BadInput if matplotlib is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    plot_accuracy_cost(result, directory / "accuracy-cost.png")
    for place, method in enumerate(methods):
        curve = average(result.splits, method, result.train_fraction)
        suffix = f"-{method}" if place else ""
        plot_alpha(curve, method, directory / f"alpha{suffix}.png")
        plot_shares(curve, result.models, method, directory / f"shares{suffix}.png")
    if published is not None:
        plot_accuracy_cost(result, directory / "beside-published.png", published)
        plot_published(published, directory / "published.png")


def plot_accuracy_cost(
    result: EvaluationResult, path: Path, published: Published | None = None
) -> None:
    """Every method's curve among the single models, and published points if given.

    Cost is on a logarithmic axis, unless something is free.
    """
    splits = result.splits
    with drawing(path, 6.2 if published else 5.6) as figure:
        axes = figure.add_subplot()
        accuracy, cost_usd = average_singles(splits)
        _draw_singles(axes, accuracy, cost_usd)
        _draw_curves(axes, splits)
        if published is not None:
            _draw_published(axes, published)
        _scale_cost(axes, log=_least_cost(splits) > 0)
        axes.set_ylabel("held-out accuracy, %")
        number = "one split" if len(splits) == 1 else f"mean over {len(splits)} splits"
        axes.set_title(f"Accuracy against cost, {number}")
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
        order = np.argsort(-accuracy)
        labels = [Label(result.models[column], 7) for column in order]
        label_points(axes, 1000 * cost_usd[order], 100 * accuracy[order], labels)


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
    names = [name for name in splits[0].curves if name not in BASELINES]
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
    oracle = average(splits, ORACLE)
    axes.plot(
        1000 * oracle.cost_usd,
        100 * oracle.accuracy,
        "*",
        color=INK,
        markersize=11,
        label="oracle (cheapest correct model)",
        linestyle="none",
    )


def _draw_published(axes: Axes, published: Published) -> None:
    """The published points, hollow: other queries, other models, another unit."""
    accuracy, cost_usd = published.points(published.routed)
    axes.plot(
        1000 * cost_usd,
        100 * accuracy,
        "o:",
        color=_PUBLISHED,
        markerfacecolor="white",
        linewidth=1,
        label="published: routed",
    )
    accuracy, cost_usd = published.points(published.singles)
    axes.plot(
        1000 * cost_usd,
        100 * accuracy,
        "s",
        color=_PUBLISHED,
        markerfacecolor="white",
        markersize=4,
        label="published: single models",
    )


def plot_published(published: Published, path: Path) -> None:
    """The published points alone: the paper's Figure 1."""
    single, single_cost = published.points(published.singles)
    routed, routed_cost = published.points(published.routed)
    with drawing(path, 5.0) as figure:
        axes = figure.add_subplot()
        _draw_singles(axes, single, single_cost)
        axes.plot(
            1000 * routed_cost,
            100 * routed,
            "o-",
            color=PALETTE[0],
            markersize=5,
            label="routed, α from 0 to 1",
        )
        _scale_cost(axes, log=True)
        axes.set_ylabel("average accuracy, %")
        axes.set_title(f"As published ({published.source})")
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        names = [row.name for row in published.singles]
        names += [f"α = {row.alpha:g}" for row in published.routed]
        cost_usd = np.r_[single_cost, routed_cost]
        labels = [Label(name) for name in names]
        label_points(axes, 1000 * cost_usd, 100 * np.r_[single, routed], labels)
