"""The figures that sum up a curve."""

import math

import numpy as np
import pytest

from artifacts.dataset import RoutingDataset
from artifacts.evaluation.curves import Curve, held_out
from artifacts.evaluation.measures import (
    METRICS,
    Yardstick,
    aiq,
    cost_share,
    measure,
    pareto_distance,
)

# Two single models: 50 % for 1, 80 % (the best) for 100.
SINGLES = np.array([0.5, 0.8]), np.array([1.0, 100.0])
YARDSTICK = Yardstick(0.8, 100.0, *SINGLES, *SINGLES)


def curve(accuracy: list[float], cost_usd: list[float]) -> Curve:
    n = len(accuracy)
    values = np.array(accuracy)
    by_collection = values[:, None]
    cost = np.array(cost_usd)
    return Curve(np.arange(n) / n, values, by_collection, cost, np.ones((n, 1)))


def yardstick(
    accuracy: list[float], cost_usd: list[float], *rivals: Curve
) -> Yardstick:
    """As `Yardstick.of` makes it, from the means of single models."""
    unknown = np.full((1, len(accuracy)), np.nan)
    rows = RoutingDataset(
        queries=("q",),
        datasets=("d",),
        models=tuple(f"model-{i}" for i in range(len(accuracy))),
        score=np.array([accuracy]),
        cost_usd=np.array([cost_usd]),
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )
    return Yardstick.of(held_out(rows), int(np.argmax(accuracy)), rivals)


def test_cost_to_match_is_that_of_the_cheapest_point_that_is_good_enough() -> None:
    points = curve([0.6, 0.79, 0.8, 0.85], [1, 20, 40, 30])

    assert cost_share(points, YARDSTICK, 1.0) == pytest.approx(0.3)


def test_cost_to_match_is_not_interpolated() -> None:
    points = curve([0.7, 0.9], [10, 90])

    assert cost_share(points, YARDSTICK, 1.0) == pytest.approx(0.9)


def test_cost_for_90_asks_for_90_percent_of_the_best_accuracy() -> None:
    points = curve([0.71, 0.72, 0.8], [5, 10, 50])

    assert cost_share(points, YARDSTICK, 0.9) == pytest.approx(0.1)


def test_cost_to_match_is_undefined_where_the_best_is_never_reached() -> None:
    assert cost_share(curve([0.79], [50]), YARDSTICK, 1.0) is None


def test_rounding_does_not_decide_whether_the_best_is_matched() -> None:
    assert cost_share(curve([0.8 - 1e-15], [50]), YARDSTICK, 1.0) == 0.5


@pytest.mark.parametrize(
    ("points", "linear", "log"),
    [
        # Nothing but the cheapest model: a flat line.
        ([(0.5, 1)], 50, 50),
        # A straight line to the best model.
        ([(0.8, 100)], 65, 65),
        # As good as the best at a tenth of its cost, half way on the log axis.
        ([(0.8, 10)], 80 - 15 * 9 / 99, 72.5),
        # Points below the hull change nothing.
        ([(0.8, 10), (0.6, 50)], 80 - 15 * 9 / 99, 72.5),
        # Dearer than any single model: only the part within the range counts.
        ([(0.8, 10_000)], None, 57.5),
        # Cheaper than any single model: as if at its cost.
        ([(0.8, 0.1)], None, 80),
    ],
)
def test_aiq_is_the_average_accuracy_under_the_hull(
    points: list[tuple[float, float]], linear: float | None, log: float
) -> None:
    accuracy, cost_usd = zip(*points, strict=True)
    judged = curve(list(accuracy), list(cost_usd))

    assert aiq(judged, YARDSTICK, log=True) == pytest.approx(log)
    if linear is not None:
        assert aiq(judged, YARDSTICK, log=False) == pytest.approx(linear)


def test_aiq_is_undefined_without_a_range_of_costs() -> None:
    alone = yardstick([0.8], [100.0])

    assert aiq(curve([0.8], [100]), alone, log=False) is None
    assert pareto_distance(curve([0.8], [100]), alone) is None


def test_aiq_over_log_cost_is_undefined_where_a_model_is_free() -> None:
    free = yardstick([0.5, 0.8], [0.0, 100.0])

    assert aiq(curve([0.8], [100]), free, log=True) is None
    assert aiq(curve([0.8], [100]), free, log=False) == pytest.approx(65)


def test_perf_gain_is_relative_and_cost_save_is_what_matching_the_best_saves() -> None:
    metrics = measure(curve([0.84, 0.8], [90, 30]), YARDSTICK)

    assert metrics["perf_gain"] == pytest.approx(0.05)
    assert metrics["cost_save"] == pytest.approx(0.7)


def test_a_method_that_never_matches_the_best_saves_nothing_known() -> None:
    metrics = measure(curve([0.6], [30]), YARDSTICK)

    assert metrics["perf_gain"] == pytest.approx(-0.25)
    assert metrics["cost_save"] is None


def test_the_common_front_holds_single_models_and_rivals() -> None:
    rival = curve([0.7, 0.6], [10, 20])

    common = yardstick([0.5, 0.8], [1.0, 100.0], rival)

    assert common.front_cost_usd.tolist() == [1, 10, 100]
    assert common.front_accuracy.tolist() == [0.5, 0.7, 0.8]


@pytest.mark.parametrize(
    ("points", "distance"),
    [
        # On the front; and beyond it.
        ([(0.5, 1)], 0),
        ([(0.9, 50)], 0),
        # As good as the cheapest, for 2/3 of the range of costs more.
        ([(0.5, 67)], 2 / 3),
        # As dear as the best, a third of the range of accuracies worse.
        ([(0.7, 100)], 1 / 3),
        # Worse and dearer than the cheapest: both count.
        ([(0.2, 100)], math.sqrt(2)),
        # The mean over the method's own front; a point inside of it does not count.
        ([(0.5, 1), (0.7, 100)], 1 / 6),
        ([(0.5, 1), (0.7, 100), (0.6, 100), (0.4, 90)], 1 / 6),
    ],
)
def test_pareto_distance_counts_only_what_is_worse(
    points: list[tuple[float, float]], distance: float
) -> None:
    accuracy, cost_usd = zip(*points, strict=True)

    judged = curve(list(accuracy), list(cost_usd))

    assert pareto_distance(judged, YARDSTICK) == pytest.approx(distance)


def test_measure_gives_every_metric_as_a_plain_number() -> None:
    metrics = measure(curve([0.6, 0.9], [1, 50]), YARDSTICK)

    assert tuple(metrics) == METRICS
    assert metrics["max_accuracy"] == 0.9
    assert metrics["cost_to_match_best"] == 0.5
    assert all(isinstance(value, float) for value in metrics.values())
    assert not any(math.isnan(value) for value in metrics.values() if value is not None)
