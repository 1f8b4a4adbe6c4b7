import os
from contextlib import contextmanager

import pytest

from scripts.overhead.soak import show, verdicts
from scripts.overhead.soaked import Lost, Soak, SoakPlan, slope
from scripts.overhead.soaking import soak
from scripts.overhead.targets import Target
from scripts.processes import free_port
from tests.scripts.overhead.made_reports import sample


def test_growth_is_what_comes_after_the_first_minutes():
    sizes = [500.0, 900.0, 1000.0, 1001.0, 1002.0]
    found = Soak(
        SoakPlan(settle_s=300),
        seconds=[0.0, 100.0, 300.0, 600.0, 900.0],
        memory_mib=[{"Gateway": size - 100, "Router": 100.0} for size in sizes],
    )

    assert found.growth_mib_per_hour() == pytest.approx(12)
    assert found.growth_mib_per_hour("Router") == pytest.approx(0)
    assert found.growth_per_hour == pytest.approx(0.012)
    assert found.groups == ["Gateway", "Router"]


def test_a_line_needs_three_points():
    with pytest.raises(ValueError, match="2 points"):
        slope([0.0, 10.0, 20.0], [1.0, 1.0, 1.0], 5.0)


def half_an_hour(*, known_s=1800.0, lost=(), until=1800):
    """Memory is level, and was seen every five seconds."""
    seconds = [float(at) for at in range(5, until + 1, 5)]
    return Soak(
        SoakPlan(),
        known_s=known_s,
        lost=list(lost),
        seconds=seconds,
        memory_mib=[{"Gateway": 100.0}] * len(seconds),
        samples=[sample()],
    )


def missed(found):
    return [what for passed, what in verdicts(found) if not passed]


def test_level_memory_without_errors_passes():
    assert missed(half_an_hour()) == []


def test_a_run_of_which_half_is_lost_does_not_pass():
    found = half_an_hour(known_s=900.0, lost=[Lost("ended early", 900.0)])

    assert missed(found) == ["50.0% of the time known (≥ 95%)"]


def test_memory_that_was_not_seen_to_the_end_is_not_level():
    found = half_an_hour(until=1000)

    assert missed(found) == [
        "memory seen 47% of the times due (≥ 90%)",
        "memory after 5 minutes: not known (≤ 2%)",
    ]


def test_a_run_without_any_figure_is_told_and_not_passed(capsys):
    found = Soak(SoakPlan(), lost=[Lost("the load generator did not start", 1800.0)])

    show(found)

    said = capsys.readouterr().out
    assert "1800 s are lost: the load generator did not start" in said
    assert len(missed(found)) == 3


def test_time_in_which_nobody_answers_is_lost():
    @contextmanager
    def nobody(_):
        yield Target(free_port(), pid=os.getpid())

    plan = SoakPlan(
        seconds=3.0,
        settle_s=1.0,
        burst=1,
        warm_s=0.2,
        capacity_s=0.3,
        memory_every_s=0.5,
        slice_s=0.5,
    )

    found = soak(nobody, plan)

    assert found.capacities == []
    assert found.known_share == 0
    assert {lost.why for lost in found.lost} == {"no answer"}
    assert set(found.errors) == {"ConnectionRefusedError"}
    assert found.memory_mib[-1]
