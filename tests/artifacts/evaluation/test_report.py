"""The report folder."""

import csv
import json
from pathlib import Path

import pytest

from artifacts.evaluation.judging import EvaluationResult, evaluate
from artifacts.evaluation.measures import METRICS
from artifacts.evaluation.report import metrics_json, write_report
from tests.artifacts.evaluation.split_data import MODELS, small_config, two_topics


@pytest.fixture(scope="module")
def result() -> EvaluationResult:
    return evaluate(*two_topics(), small_config(seeds=(0, 1)))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_json_holds_each_metric_of_each_method_for_each_seed(
    result: EvaluationResult,
) -> None:
    metrics = metrics_json(result)

    assert list(metrics) == ["seeds", "alphas", "methods", "paired"]
    assert metrics["seeds"] == [0, 1]
    assert metrics["alphas"] == [0.0, 0.5, 1.0]
    assert tuple(metrics["methods"]["paper"]) == METRICS
    accuracy = metrics["methods"]["paper"]["max_accuracy"]
    assert accuracy == {"mean": 1.0, "sd": 0.0, "values": (1.0, 1.0)}
    assert set(metrics["paired"]) == set(metrics["methods"]) - {"paper"}


def test_a_figure_never_reached_is_null(
    result: EvaluationResult, tmp_path: Path
) -> None:
    write_report(result, tmp_path)

    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))

    figure = metrics["methods"]["cheapest"]["cost_to_match_best"]
    assert figure == {"mean": None, "sd": None, "values": [None, None]}


def test_curves_hold_every_point(result: EvaluationResult, tmp_path: Path) -> None:
    write_report(result, tmp_path)

    rows = rows_of(tmp_path / "curves.csv")

    points = [row for row in rows if row["method"] == "paper" and row["seed"] == "0"]
    assert [row["alpha"] for row in points] == ["0", "0.5", "1"]
    assert points[2]["accuracy"] == "1"
    assert points[2]["cost_usd"] == "0.01"


def test_shares_hold_one_column_for_each_model(
    result: EvaluationResult, tmp_path: Path
) -> None:
    write_report(result, tmp_path)

    rows = rows_of(tmp_path / "shares.csv")

    assert tuple(rows[0]) == ("method", "seed", "alpha", *MODELS)
    assert [rows[0][model] for model in MODELS] == ["0", "0", "1"]
    assert [rows[2][model] for model in MODELS] == ["0.5", "0.5", "0"]


def test_report_shows_methods_differences_and_single_models(
    result: EvaluationResult, tmp_path: Path
) -> None:
    write_report(result, tmp_path)

    text = (tmp_path / "report.md").read_text(encoding="utf-8")

    assert "| paper | 100.00 ± 0.00 |" in text
    assert "| best-single | -50.00 ± 0.00 |" in text
    assert "| coder | 50.00 | 10.0000 |" in text
    assert "24 held-out rows judged, 0 left out" in text


def test_the_same_result_writes_the_same_bytes(
    result: EvaluationResult, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        write_report(result, tmp_path / name)

    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
