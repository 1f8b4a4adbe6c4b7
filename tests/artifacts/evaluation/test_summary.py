"""Figures over several splits."""

import pytest

from artifacts.evaluation.summary import Summary, paired


def test_summary_is_over_the_splits_where_the_figure_exists() -> None:
    summary = Summary.of([1.0, None, 3.0])

    assert summary.mean == 2.0
    assert summary.sd == pytest.approx(2**0.5)
    assert summary.values == (1.0, None, 3.0)


def test_one_value_has_no_spread() -> None:
    assert Summary.of([4.0]) == Summary(4.0, None, (4.0,))


def test_a_figure_that_exists_nowhere_has_no_mean() -> None:
    assert Summary.of([None, None]) == Summary(None, None, (None, None))


def test_differences_are_taken_split_by_split_where_both_exist() -> None:
    table = {
        "paper": {"aiq_log": Summary.of([80.0, 70.0, None])},
        "knn": {"aiq_log": Summary.of([81.0, None, 60.0])},
    }

    assert paired(table) == {"knn": {"aiq_log": Summary(1.0, None, (1.0, None, None))}}


def test_without_the_reference_there_is_nothing_to_compare() -> None:
    assert paired({"knn": {"aiq_log": Summary.of([81.0])}}) == {}
