"""The report folder."""

import csv
import json
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from artifacts.evaluation.judging import evaluate
from artifacts.evaluation.measures import METRICS
from artifacts.evaluation.narrative import markdown
from artifacts.evaluation.report import focus_of, metrics_json, write_report
from artifacts.evaluation.results import EvaluationResult, SplitResult
from artifacts.evaluation.routers import NearestNeighbours
from artifacts.evaluation.served import AS_SERVED
from tests.artifacts.evaluation.split_data import MODELS, small_config, two_topics
from tests.artifacts.hand_made import bundled


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

    names = ["seeds", "alphas", "held_out", "methods", "singles", "paired", "by_alpha"]
    assert list(metrics) == names
    whole = {"judged": 12, "left_out": 0, "collections_left_out": []}
    assert metrics["held_out"] == [whole, whole]
    assert metrics["seeds"] == [0, 1]
    assert metrics["alphas"] == [0.0, 0.5, 1.0]
    assert tuple(metrics["methods"]["paper"]) == METRICS
    accuracy = metrics["methods"]["paper"]["max_accuracy"]
    assert accuracy == {"mean": 1.0, "sd": 0.0, "values": (1.0, 1.0), "n": 2}
    assert set(metrics["paired"]) == set(metrics["methods"]) - {"paper"}
    assert tuple(metrics["singles"]["coder"]) == METRICS


def test_metrics_json_says_how_sure_a_difference_is(result: EvaluationResult) -> None:
    difference = metrics_json(result)["paired"]["best-single"]["max_accuracy"]

    assert difference == {
        "mean": -0.5,
        "sd": 0.0,
        "values": (-0.5, -0.5),
        "ci95": (-0.5, -0.5),
        "n_worse": 2,
        "n": 2,
    }


def test_a_figure_never_reached_is_null(
    result: EvaluationResult, tmp_path: Path
) -> None:
    write_report(result, tmp_path)

    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))

    figure = metrics["methods"]["cheapest"]["cost_to_match_best"]
    assert figure == {"mean": None, "sd": None, "values": [None, None], "n": 0}


def reached_once(result: EvaluationResult) -> EvaluationResult:
    """On the second split, `paper` never matches the best single model."""
    first, second = result.splits
    poor = second.metrics["paper"] | {"cost_to_match_best": None}
    metrics = {**second.metrics, "paper": poor}
    return replace(result, splits=(first, replace(second, metrics=metrics)))


def test_a_mean_of_some_of_the_seeds_is_marked(result: EvaluationResult) -> None:
    some = reached_once(result)

    paper = metrics_json(some)["methods"]["paper"]
    assert (paper["cost_to_match_best"]["n"], paper["max_accuracy"]["n"]) == (1, 2)
    text = markdown(some, "paper")
    assert "| paper | 100.00 ± 0.00 | 100.00 ± 0.00 | 100 (1) | " in text
    assert "(reached on 1 of 2 splits)" in text


def test_an_interval_of_some_of_the_splits_is_marked() -> None:
    three = evaluate(*two_topics(), small_config(seeds=(0, 1, 2)))
    some = reached_once(replace(three, splits=three.splits[:2]))
    splits = (*some.splits, three.splits[2])

    text = markdown(replace(three, splits=splits), "paper")

    assert "| best-single |" in text
    assert "… +0 (2); 0 worse" in text or "… -0 (2); 0 worse" in text


def test_a_collection_that_some_splits_lack_says_so(result: EvaluationResult) -> None:
    dataset, vectors = two_topics()
    score = dataset.score.copy()
    score[21:, 2] = np.nan  # of maths, one row is known: not always held out
    gaps = replace(dataset, score=score)

    some = evaluate(gaps, vectors, small_config(seeds=tuple(range(6))))

    n = sum("maths" in split.collections for split in some.splits)
    assert 0 < n < 6
    assert f"| setting | code | maths ({n}) | macro, %" in markdown(some, "paper")


def test_collections_that_no_figure_rests_on_are_named() -> None:
    dataset, vectors = two_topics()
    score = dataset.score.copy()
    score[20:, 2] = np.nan

    gaps = evaluate(replace(dataset, score=score), vectors, small_config())

    text = markdown(gaps, "paper")
    assert "12 held-out rows judged, 12 left out" in text
    assert "No figure rests on maths: there is no held-out row there on which" in text
    of_one = {"judged": 6, "left_out": 6, "collections_left_out": ["maths"]}
    assert metrics_json(gaps)["held_out"] == [of_one] * 2


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
    assert "-50.00 … -50.00; 2 worse" in text
    assert "| coder | 50.00 ± 0.00 | 10.0000 | 100 |" in text
    assert "24 held-out rows judged, 0 left out" in text


def test_report_says_in_short_what_routing_is_worth(
    result: EvaluationResult, tmp_path: Path
) -> None:
    write_report(result, tmp_path)

    short = (tmp_path / "report.md").read_text(encoding="utf-8").split("\n\n")[1]

    assert "right on 50.00 % of them for $10.0000 per 1,000" in short
    assert "Routing (`paper`) over 3 models" in short
    assert "100.00 % at its best α (+100.0 % relative)" in short
    assert "the best single model's accuracy would have cost 100 %" in short
    assert "the settings that did best on these very queries, on each split" in short


def with_points(split: SplitResult, accuracy: list[float]) -> SplitResult:
    """Other points of `paper` at α = 0, 0.5 and 1."""
    cost_usd = np.array([0.001, 0.002, 0.01])
    curve = split.curves["paper"]
    curve = replace(curve, accuracy=np.array(accuracy), cost_usd=cost_usd)
    return replace(split, curves={**split.curves, "paper": curve})


@pytest.mark.parametrize(
    ("accuracies", "what"),
    [
        (
            ([0.2, 0.9, 0.7], [0.2, 0.5, 0.8]),
            "75.00 % at most (α = 1, 100 % of the best's cost) and the best single "
            "model's accuracy (α = 0.5, 20 % of the best's cost).",
        ),
        (
            ([0.2, 0.9, 0.6], [0.2, 0.0, 0.2]),
            "45.00 % at most (α = 0.5, 20 % of the best's cost), less than the best "
            "single model.",
        ),
    ],
)
def test_report_says_what_one_alpha_for_all_splits_is_worth(
    result: EvaluationResult,
    tmp_path: Path,
    accuracies: tuple[list[float], ...],
    what: str,
) -> None:
    splits = tuple(map(with_points, result.splits, accuracies))
    write_report(replace(result, splits=splits), tmp_path)

    short = (tmp_path / "report.md").read_text(encoding="utf-8").split("\n\n")[1]

    assert f"One α for all splits would have reached {what}" in short


def test_the_bundled_report_says_of_one_alpha_what_its_curves_say() -> None:
    report = bundled() / "report"
    accuracies: dict[str, list[float]] = {}
    for row in rows_of(report / "curves.csv"):
        if row["method"] == AS_SERVED:
            accuracies.setdefault(row["alpha"], []).append(float(row["accuracy"]))
    alpha, most = max(
        ((alpha, fmean(values)) for alpha, values in accuracies.items()),
        key=itemgetter(1),
    )

    short = (report / "report.md").read_text(encoding="utf-8").split("\n\n")[1]

    assert f"have reached {100 * most:.2f} % at most (α = {alpha}, " in short


def test_report_does_not_say_that_a_free_model_is_out_of_reach(tmp_path: Path) -> None:
    dataset, vectors = two_topics()
    free = replace(dataset, cost_usd=np.zeros_like(dataset.cost_usd))
    write_report(evaluate(free, vectors, small_config()), tmp_path)

    short = (tmp_path / "report.md").read_text(encoding="utf-8").split("\n\n")[1]

    assert "100.00 % at its best α" in short
    assert "the best single model costs nothing" in short
    assert "not have been reached" not in short


def test_report_shows_each_alpha_and_each_collection(
    result: EvaluationResult, tmp_path: Path
) -> None:
    write_report(result, tmp_path)

    text = (tmp_path / "report.md").read_text(encoding="utf-8")

    row = "| 1 | 100.00 | 100.00 | 10.0000 | 100 | +50.00 (+50.00 … +50.00) | "
    assert f"{row}mathematician 50 %, coder" in text
    assert "| setting | code | maths | macro, % | $ per 1,000 queries |" in text
    assert "| coder | 100.00 | 0.00 | 50.00 | 10.0000 |" in text
    assert "| paper, α = 1 | 100.00 | 100.00 | 100.00 | 10.0000 |" in text


def test_report_shows_the_figures_that_lie_beside_it(
    result: EvaluationResult, tmp_path: Path
) -> None:
    (tmp_path / "alpha.png").touch()

    write_report(result, tmp_path)

    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "](alpha.png)" in text
    assert "](clusters.png)" not in text


def test_a_report_of_one_split_has_no_intervals(tmp_path: Path) -> None:
    alone = evaluate(*two_topics(), small_config(seeds=(0,)))

    write_report(alone, tmp_path)

    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "95 % intervals" not in text
    assert "One α" not in text
    assert "nan" not in text


def test_singles_hold_both_means(result: EvaluationResult, tmp_path: Path) -> None:
    write_report(result, tmp_path)

    row = rows_of(tmp_path / "singles.csv")[0]

    assert row == {
        "model": "coder",
        "seed": "0",
        "accuracy": "0.5",
        "accuracy_macro": "0.5",
        "cost_usd": "0.01",
    }


def test_the_report_is_about_ours_if_it_was_judged(result: EvaluationResult) -> None:
    methods = {"knn": NearestNeighbours(), "calibrated": NearestNeighbours()}
    ours = evaluate(*two_topics(), small_config(seeds=(0,), methods=methods))

    served = evaluate(*two_topics(), small_config(seeds=(0,), served="paper"))
    assert focus_of(served) == "as-served"
    assert focus_of(result) == "paper"
    assert focus_of(ours) == "calibrated"


def test_the_same_result_writes_the_same_bytes(
    result: EvaluationResult, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        write_report(result, tmp_path / name)

    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
