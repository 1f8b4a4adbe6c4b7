"""Curves of methods on held-out rows."""

import tracemalloc

import numpy as np
import pytest

from artifacts.dataset import RoutingDataset
from artifacts.errors import BadInput
from artifacts.evaluation.curves import (
    blended,
    held_out,
    pareto_front,
    routed,
    upper_hull,
)

NAN = float("nan")


def dataset(
    score: list[list[float]], cost: list[list[float]], names: tuple[str, ...]
) -> RoutingDataset:
    unknown = np.full(np.shape(score), NAN)
    return RoutingDataset(
        queries=tuple(f"query {row}" for row in range(len(score))),
        datasets=names,
        models=("dear", "thrifty"),
        score=np.array(score),
        cost_usd=np.array(cost),
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )


THREE_ROWS = dataset(
    [[1, 1], [1, 0], [0, 0]], [[4, 1], [4, 1], [10, 1]], ("code", "code", "maths")
)


def test_accuracy_of_single_models_is_the_mean_over_queries() -> None:
    test = held_out(THREE_ROWS)

    np.testing.assert_allclose(test.accuracy, [2 / 3, 1 / 3])
    np.testing.assert_allclose(test.mean_cost_usd, [6, 1])


def test_macro_accuracy_gives_each_collection_the_same_say() -> None:
    curve = routed(held_out(THREE_ROWS), np.zeros(1), np.array([[0, 0, 0]]))

    assert curve.accuracy.tolist() == pytest.approx([2 / 3])
    assert curve.accuracy_macro.tolist() == pytest.approx([1 / 2])


def test_as_many_collections_as_queries_do_not_fill_the_memory() -> None:
    n = 4000
    names = tuple(f"ticket {row:04}" for row in reversed(range(n)))
    many = dataset([[row % 2, 0] for row in range(n)], [[1, 1]] * n, names)
    tracemalloc.start()

    test = held_out(many)
    curve = routed(test, np.zeros(1), np.zeros((1, n), dtype=np.intp))

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20e6
    assert curve.by_collection[0, :3].tolist() == [1, 0, 1]


def test_accuracy_is_told_for_each_collection() -> None:
    test = held_out(THREE_ROWS)

    routed_curve = routed(test, np.zeros(1), np.array([[0, 0, 0]]))
    blended_curve = blended(test, np.zeros(1), np.array([[0.5, 0.5]]))

    assert test.collections == ("code", "maths")
    np.testing.assert_allclose(routed_curve.by_collection, [[1, 0]])
    np.testing.assert_allclose(blended_curve.by_collection, [[0.75, 0]])


def test_routed_curve_counts_what_was_chosen_for_each_row() -> None:
    choices = np.array([[0, 0, 1], [1, 1, 1]])

    curve = routed(held_out(THREE_ROWS), np.array([1.0, 0.0]), choices)

    np.testing.assert_allclose(curve.accuracy, [2 / 3, 1 / 3])
    np.testing.assert_allclose(curve.cost_usd, [3, 1])
    np.testing.assert_allclose(curve.share, [[2 / 3, 1 / 3], [0, 1]])


def test_blended_curve_is_the_expectation_of_the_draw() -> None:
    curve = blended(held_out(THREE_ROWS), np.zeros(1), np.array([[0.5, 0.5]]))

    np.testing.assert_allclose(curve.accuracy, [0.5])
    np.testing.assert_allclose(curve.cost_usd, [3.5])


@pytest.mark.parametrize("field", ["score", "cost"])
def test_rows_with_an_unmeasured_model_are_left_out_and_counted(field: str) -> None:
    score, cost = [[1.0, 1.0], [1.0, 0.0]], [[4.0, 1.0], [4.0, 1.0]]
    {"score": score, "cost": cost}[field][1][0] = NAN

    test = held_out(dataset(score, cost, ("code", "code")))

    assert test.n_skipped == 1
    assert test.rows.tolist() == [0]
    assert test.accuracy.tolist() == [1, 1]


def test_no_complete_row_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no held-out query"):
        held_out(dataset([[1.0, NAN]], [[1.0, 1.0]], ("code",)))


@pytest.mark.parametrize(
    ("points", "vertices"),
    [
        ([(1, 1)], [0]),
        ([(1, 1), (2, 2), (3, 4)], [0, 2]),
        ([(1, 1), (2, 3), (3, 4)], [0, 1, 2]),
        ([(3, 4), (1, 1), (2, 3)], [1, 2, 0]),
        ([(1, 2), (2, 1), (3, 3)], [0, 2]),
        ([(1, 3), (2, 1), (3, 2)], [0]),
        ([(1, 1), (1, 2), (2, 3)], [1, 2]),
        ([(1, 1), (2, 2), (3, 3)], [0, 2]),
    ],
)
def test_upper_hull_is_concave_and_never_falls(
    points: list[tuple[float, float]], vertices: list[int]
) -> None:
    x, y = np.array(points, dtype=float).T

    assert upper_hull(x, y).tolist() == vertices


def test_pareto_front_keeps_what_nothing_beats_on_both_axes() -> None:
    cost = np.array([3.0, 1.0, 2.0, 1.0, 4.0])
    accuracy = np.array([0.9, 0.5, 0.4, 0.3, 0.9])

    assert pareto_front(cost, accuracy).tolist() == [1, 0]
