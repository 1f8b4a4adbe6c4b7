import pytest

from scripts.overhead.soaking import Soak, SoakPlan, slope


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
