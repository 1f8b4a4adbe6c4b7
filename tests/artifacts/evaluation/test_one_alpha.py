"""One α for all splits beside the best single model: no gain out of chance alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from artifacts.clustering import unit_rows
from artifacts.dataset import RoutingDataset
from artifacts.evaluation.judging import EvaluationConfig, evaluate
from artifacts.evaluation.one_alpha import by_alpha, shown_gain
from artifacts.evaluation.report import metrics_json, write_report
from artifacts.evaluation.results import EvaluationResult
from artifacts.evaluation.routers import PolicyMethod
from artifacts.evaluation.summary import summaries
from artifacts.policy import PaperPolicy
from tests.artifacts.evaluation.split_data import small_config, two_topics


@pytest.fixture(scope="module")
def by_chance() -> EvaluationResult:
    """Four models that toss coins: there is nothing that a router could know."""
    rng = np.random.default_rng(7)
    n, models = 400, ("a", "b", "c", "d")
    unknown = np.full((n, len(models)), np.nan)
    dataset = RoutingDataset(
        queries=tuple(f"query {i}" for i in range(n)),
        datasets=("coins",) * n,
        models=models,
        score=rng.integers(0, 2, (n, len(models))).astype(float),
        cost_usd=np.tile([0.001, 0.002, 0.003, 0.004], (n, 1)),
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )
    vectors = unit_rows(rng.standard_normal((n, 16)).astype(np.float32))
    config = EvaluationConfig(
        kmeans=replace(EvaluationConfig().kmeans, n_clusters=10, n_init=1),
        methods={"paper": PolicyMethod(PaperPolicy())},
    )
    return evaluate(dataset, vectors, config)


def test_the_best_alpha_of_each_split_claims_a_gain_that_is_chance(
    by_chance: EvaluationResult,
) -> None:
    claimed = summaries(by_chance)["paper"]["perf_gain"].mean
    settings = by_alpha(by_chance, "paper")

    assert claimed is not None
    assert claimed > 0.04
    assert [one.alpha for one in settings] == [i / 10 for i in range(11)]
    assert all(one.ci95 and one.ci95[0] < 0 < one.ci95[1] for one in settings)


def test_the_report_says_that_it_is_no_more_than_chance(
    by_chance: EvaluationResult, tmp_path: Path
) -> None:
    write_report(by_chance, tmp_path)

    short = (tmp_path / "report.md").read_text(encoding="utf-8").split("\n\n")[1]

    assert "At α = 1, which was not looked for, routing is" in short
    assert short.endswith("no more than chance may make.")


def test_a_gain_on_every_split_is_said_to_be_one(tmp_path: Path) -> None:
    result = evaluate(*two_topics(), small_config())
    write_report(result, tmp_path)

    short = (tmp_path / "report.md").read_text(encoding="utf-8").split("\n\n")[1]
    told = metrics_json(result)["by_alpha"]

    assert short.endswith("the best single model (95 %: +50.00 … +50.00).")
    assert [one["alpha"] for one in told] == [0.0, 0.5, 1.0]
    assert told[-1]["gain"] == pytest.approx(0.5)
    assert told[-1]["cost_share"] == pytest.approx(1.0)


def test_one_split_has_a_gain_without_an_interval() -> None:
    result = evaluate(*two_topics(), small_config(seeds=(0,)))

    last = by_alpha(result, "paper")[-1]

    assert last.ci95 is None
    assert shown_gain(last) == "+50.00"


def test_a_free_model_has_no_price_to_be_a_share_of() -> None:
    dataset, vectors = two_topics()
    free = replace(dataset, cost_usd=np.zeros_like(dataset.cost_usd))

    settings = by_alpha(evaluate(free, vectors, small_config()), "paper")

    assert {one.cost_share for one in settings} == {None}
