"""The paper's published table, checked against what the paper says of it."""

import pytest

from artifacts.errors import BadInput
from artifacts.paper.published import Published, PublishedPoint, load_published

PAPER = load_published("paper")


def row(name: str) -> PublishedPoint:
    rows = {point.name: point for point in (*PAPER.singles, *PAPER.routed)}
    return rows[name]


def test_all_of_table_3_is_there() -> None:
    assert len(PAPER.singles) == 8
    assert [point.alpha for point in PAPER.routed] == [0, 0.25, 0.39, 0.53, 0.8, 1]
    assert PAPER.n_queries == 2603


@pytest.mark.parametrize(
    "point", [*PAPER.singles, *PAPER.routed], ids=lambda point: point.name
)
def test_averages_are_those_of_the_benchmarks(point: PublishedPoint) -> None:
    known = [value for value in point.accuracy.values() if value is not None]

    assert set(point.accuracy) == set(PAPER.queries)
    assert sum(known) / len(known) == pytest.approx(point.average, abs=0.011)


def test_a_model_without_tools_has_no_figure_for_the_benchmark_of_tools() -> None:
    unknown = {
        point.name: name
        for point in PAPER.singles
        for name, value in point.accuracy.items()
        if value is None
    }

    assert unknown == {"GPT-5-chat": "tau2-bench"}


def test_the_claims_of_the_paper_follow_from_its_table() -> None:
    best = row("GPT-5-medium")
    alike, ninety = row("routed, α = 0.53"), row("routed, α = 0.39")

    assert row("routed, α = 1").average / best.average - 1 == pytest.approx(
        0.07, abs=5e-3
    )
    assert alike.average >= best.average
    assert 1 - alike.cost_usd / best.cost_usd == pytest.approx(0.27, abs=5e-3)
    assert ninety.average / best.average == pytest.approx(0.90, abs=5e-3)
    assert 1 - ninety.cost_usd / best.cost_usd == pytest.approx(0.63, abs=5e-3)
    dear = row("Gemini-2.5-pro")
    assert 1 - ninety.cost_usd / dear.cost_usd == pytest.approx(0.81, abs=5e-3)


def test_costs_are_spread_over_the_queries_of_the_benchmarks() -> None:
    accuracy, cost_usd = PAPER.points(PAPER.routed)

    assert accuracy[-1] == pytest.approx(0.6666)
    assert 1000 * cost_usd[-1] == pytest.approx(18.106, abs=1e-3)


def test_an_unknown_table_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no published table 'x'; there is paper"):
        load_published("x")


def test_a_row_with_unknown_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        Published.model_validate({**PAPER.model_dump(), "extra": 1})
