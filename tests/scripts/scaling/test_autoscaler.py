"""Serve's own code, on a clock of ours."""

import time

import ray.serve._private.autoscaling_state as state_module
from ray.serve.config import AutoscalingConfig

from scripts.scaling.autoscaler import Autoscaler, virtual_clock

CONFIG = AutoscalingConfig(
    min_replicas=1,
    max_replicas=10,
    target_ongoing_requests=4,
    upscale_delay_s=10,
    downscale_delay_s=60,
    look_back_period_s=20,
)


def targets(ongoing: list[float]) -> list[int]:
    """By the second, replicas starting at once."""
    found = []
    with virtual_clock() as clock:
        scaler = Autoscaler("Router", CONFIG, clock)
        for second, value in enumerate(ongoing):
            clock.now = float(second)
            scaler.run_replicas(scaler.target)
            scaler.observe(value, {})
            found.append(scaler.decide())
    return found


def test_a_steady_load_gets_the_replicas_that_its_target_says():
    assert targets([20.0] * 120)[-1] == 5


def test_nothing_is_decided_before_the_delay():
    found = targets([20.0] * 120)

    assert found[9] == 1
    assert found[12] > 1


def test_bounds_hold():
    assert max(targets([1000.0] * 200)) == 10


def test_replicas_go_only_after_the_longer_delay():
    found = targets([20.0] * 100 + [0.0] * 200)

    assert found[100 + 59] == 5
    assert found[-1] == 1


def test_serve_has_its_own_clock_again_afterwards():
    with virtual_clock():
        assert state_module.time is not time

    assert state_module.time is time
