import numpy as np
import pytest

from scripts.scaling.queueing import (
    batch_size,
    calls_in_flight,
    mean_wait_s,
    wait_points,
)


def test_one_server_waits_as_the_textbook_says():
    # M/M/1: load / (1 − load) services.
    assert mean_wait_s(1, 0.5, 2.0) == pytest.approx(2.0)
    assert mean_wait_s(1, 0.8, 1.0) == pytest.approx(4.0)


def test_many_servers_hardly_wait():
    assert mean_wait_s(50, 0.7, 1.0) < 0.01 * mean_wait_s(1, 0.7, 1.0)


def test_the_points_of_a_wait_have_nearly_its_mean():
    points = wait_points(1, 0.5, 1.0)

    assert (points[:3] == 0).all()
    assert 0.7 < points.mean() / mean_wait_s(1, 0.5, 1.0) < 1.1


def test_calls_of_one_caller_are_simulated_the_same():
    rng = np.random.default_rng(0)
    rate, call_s, now, busy, calls, served = 50.0, 0.02, 0.0, 0.0, 0, 0
    for _ in range(20_000):
        waiting = int(rng.poisson(rate * call_s)) if calls else 0
        if not waiting:
            now += rng.exponential(1 / rate)
            waiting = 1
        now, busy, calls, served = (
            now + call_s,
            busy + call_s,
            calls + 1,
            served + waiting,
        )

    assert calls_in_flight(rate, call_s) == pytest.approx(busy / now, rel=0.02)
    assert batch_size(rate, call_s) == pytest.approx(served / calls, rel=0.02)


def test_no_load_has_no_calls():
    assert calls_in_flight(0.0, 1.0) == 0.0
