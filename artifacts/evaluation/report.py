"""The report folder of an evaluation: metrics.json, CSV files and report.md.

metrics.json   {"seeds", "alphas", "methods", "paired"}: mean, sd and values of each
               metric of each method, and the differences to "paper", seed by seed
curves.csv     each point of each curve
shares.csv     which model answers which part of the queries at each point
singles.csv    the single models on the held-out rows
report.md      the tables
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from artifacts.evaluation.judging import EvaluationResult, SplitResult
from artifacts.evaluation.summary import Table, paired, summaries
from artifacts.evaluation.tables import markdown

METRICS = "metrics.json"


def metrics_json(result: EvaluationResult) -> dict[str, Any]:
    """What metrics.json holds."""
    table = summaries(result.splits)
    return {
        "seeds": [split.seed for split in result.splits],
        "alphas": list(result.alphas),
        "methods": _plain(table),
        "paired": _plain(paired(table)),
    }


def _plain(table: Table) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        method: {metric: asdict(figure) for metric, figure in figures.items()}
        for method, figures in table.items()
    }


def write_report(result: EvaluationResult, directory: Path) -> None:
    """Write all files but the figures into `directory`, made if need be."""
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
        ("model", "seed", "accuracy", "cost_usd"),
        _single_rows(result.splits),
    )
    text = markdown(result)
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
        for model, (accuracy, cost_usd) in split.singles.items():
            yield model, split.seed, f"{accuracy:.8g}", f"{cost_usd:.8g}"
