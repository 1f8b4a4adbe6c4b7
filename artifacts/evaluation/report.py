"""The report folder of an evaluation: metrics.json, CSV files and report.md.

metrics.json   {"seeds", "alphas", "held_out", "methods", "singles", "paired",
               "by_alpha"}: mean,
               sd and values of each metric of each method and of each single model,
               and the differences to "paper", seed by seed, with "ci95" and
               "n_worse". "n": of how many seeds a mean is, where a figure is not
               defined on all. "held_out", for each seed: the rows that were judged
               and those left out, and collections of which all were left out.
               "by_alpha": the method that the report is about at one α for all splits,
               with its "gain" over the best single model and the "ci95" of that
curves.csv     each point of each curve
shares.csv     which model answers which part of the queries at each point
singles.csv    the single models on the held-out rows
report.md      all of it to read, with the figures that lie beside it
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from artifacts.evaluation.narrative import FIGURES, markdown
from artifacts.evaluation.one_alpha import by_alpha
from artifacts.evaluation.results import EvaluationResult, SplitResult
from artifacts.evaluation.served import AS_SERVED
from artifacts.evaluation.summary import (
    Differences,
    Table,
    paired,
    single_summaries,
    summaries,
)

METRICS = "metrics.json"
# Beside metrics.json, and nothing else.
OTHERS = ("curves.csv", "shares.csv", "singles.csv", "report.md", *FIGURES)


def metrics_json(result: EvaluationResult) -> dict[str, Any]:
    """What metrics.json holds."""
    table = summaries(result)
    return {
        "seeds": [split.seed for split in result.splits],
        "alphas": list(result.alphas),
        "held_out": [_held_out(split) for split in result.splits],
        "methods": _plain(table),
        "singles": _plain(single_summaries(result)),
        "paired": _plain(paired(table, result.train_fraction)),
        "by_alpha": [asdict(one) for one in by_alpha(result, focus_of(result))],
    }


def focus_of(result: EvaluationResult) -> str:
    """The method that a report is about: what would be served if that was judged, or
    our policy, else the first."""
    curves = result.splits[0].curves
    ours = (name for name in (AS_SERVED, "calibrated") if name in curves)
    return next(ours, next(iter(curves)))


def _held_out(split: SplitResult) -> dict[str, Any]:
    return {
        "judged": split.n_test - split.n_skipped,
        "left_out": split.n_skipped,
        "collections_left_out": list(split.unjudged),
    }


def _plain(table: Table | Differences) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        method: {
            metric: asdict(figure) | {"n": figure.n}
            for metric, figure in figures.items()
        }
        for method, figures in table.items()
    }


def write_report(result: EvaluationResult, directory: Path) -> None:
    """Write all files but the figures into `directory`, made if need be.

    report.md shows the figures that are there already.
    """
    directory.mkdir(parents=True, exist_ok=True)
    metrics = json.dumps(metrics_json(result), indent=1, allow_nan=False)
    (directory / METRICS).write_text(metrics + "\n", encoding="utf-8")
    _write_csv(
        directory / "curves.csv",
        ("method", "seed", "alpha", "accuracy", "accuracy_macro", "cost_usd"),
        _curve_rows(result.splits),
    )
    _write_csv(
        directory / "shares.csv",
        ("method", "seed", "alpha", *result.models),
        _share_rows(result.splits),
    )
    _write_csv(
        directory / "singles.csv",
        ("model", "seed", "accuracy", "accuracy_macro", "cost_usd"),
        _single_rows(result.splits),
    )
    figures = sorted(path.name for path in directory.glob("*.png"))
    text = markdown(result, focus_of(result), figures)
    (directory / "report.md").write_text(text, encoding="utf-8")


def _write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _curve_rows(splits: Sequence[SplitResult]) -> Iterable[Sequence[object]]:
    for split in splits:
        for method, curve in split.curves.items():
            columns = (
                curve.knob,
                curve.accuracy,
                curve.accuracy_macro,
                curve.cost_usd,
            )
            for row in zip(*(column.tolist() for column in columns), strict=True):
                yield method, split.seed, *(f"{value:.8g}" for value in row)


def _share_rows(splits: Sequence[SplitResult]) -> Iterable[Sequence[object]]:
    for split in splits:
        for method, curve in split.curves.items():
            for knob, share in zip(curve.knob, curve.share, strict=True):
                values = (f"{value:.6g}" for value in share.tolist())
                yield method, split.seed, f"{knob:.8g}", *values


def _single_rows(splits: Sequence[SplitResult]) -> Iterable[Sequence[object]]:
    for split in splits:
        for model, curve in split.singles.items():
            columns = curve.accuracy, curve.accuracy_macro, curve.cost_usd
            values = (f"{float(column[0]):.8g}" for column in columns)
            yield model, split.seed, *values
