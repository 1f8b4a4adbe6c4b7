"""Figures over several splits."""

import pytest

from artifacts.evaluation.summary import Difference, Summary, paired


def test_summary_is_over_the_splits_where_the_figure_exists() -> None:
    summary = Summary.of([1.0, None, 3.0])

    assert summary.mean == 2.0
    assert summary.sd == pytest.approx(2**0.5)
    assert summary.values == (1.0, None, 3.0)
    assert summary.n == 2


def test_one_value_has_no_spread() -> None:
    assert Summary.of([4.0]) == Summary(4.0, None, (4.0,))


def test_a_figure_that_exists_nowhere_has_no_mean() -> None:
    assert Summary.of([None, None]) == Summary(None, None, (None, None))


def test_differences_are_taken_split_by_split_where_both_exist() -> None:
    table = {
        "paper": {"aiq_log": Summary.of([80.0, 70.0, None])},
        "knn": {"aiq_log": Summary.of([81.0, None, 60.0])},
    }

    difference = paired(table, 0.7)["knn"]["aiq_log"]

    # On the second split knn does not reach what the reference reaches.
    assert difference == Difference(1.0, None, (1.0, None, None), ci95=None, n_worse=1)


@pytest.mark.parametrize(
    ("metric", "n_worse"), [("aiq_log", 1), ("cost_for_90", 2), ("max_accuracy", 1)]
)
def test_worse_is_less_accuracy_or_more_cost(metric: str, n_worse: int) -> None:
    table = {
        "paper": {metric: Summary.of([0.5, 0.5, 0.5, 0.5])},
        "knn": {metric: Summary.of([0.4, 0.6, 0.7, 0.5])},
    }

    assert paired(table, 0.7)["knn"][metric].n_worse == n_worse


def test_the_interval_holds_the_mean_and_needs_random_splits() -> None:
    table = {
        "paper": {"aiq_log": Summary.of([80.0, 70.0, 75.0])},
        "knn": {"aiq_log": Summary.of([81.0, 72.0, 78.0])},
    }

    low, high = paired(table, 0.7)["knn"]["aiq_log"].ci95 or (0.0, 0.0)

    # 2 ± t(2) · 1 · √(1/3 + 3/7)
    assert (low, high) == pytest.approx((2 - 3.7555, 2 + 3.7555), abs=1e-3)
    assert paired(table, None)["knn"]["aiq_log"].ci95 is None


def test_without_the_reference_there_is_nothing_to_compare() -> None:
    assert paired({"knn": {"aiq_log": Summary.of([81.0])}}, 0.7) == {}


def test_a_sum_in_another_order_is_not_worse() -> None:
    table = {
        "paper": {"max_accuracy": Summary.of([0.1 + 0.2, 0.5])},
        "best-single": {"max_accuracy": Summary.of([0.3, 0.5])},
    }

    assert paired(table, 0.7)["best-single"]["max_accuracy"].n_worse == 0
