"""The policy in Serve's own hands: bounds, delays, factors."""

from collections.abc import Iterable

from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from scripts.scaling.autoscaler import Autoscaler, virtual_clock
from scripts.scaling.settings import TOKEN_POLICY

POLICY = AutoscalingPolicy(
    policy_function=TOKEN_POLICY, policy_kwargs={"capacity": 100.0, "drain_s": 10.0}
)
CONFIG = {
    "min_replicas": 2,
    "max_replicas": 8,
    "upscale_delay_s": 20,
    "downscale_delay_s": 60,
    "look_back_period_s": 20,
    "policy": POLICY,
}


def targets(
    tokens_per_s: Iterable[float | None], *, queued: float = 0.0, **config: object
) -> list[int]:
    """By the second, replicas starting at once; None: nothing is recorded."""
    found = []
    with virtual_clock() as clock:
        scaler = Autoscaler("Embedder", AutoscalingConfig(**CONFIG | config), clock)
        for second, value in enumerate(tokens_per_s):
            clock.now = float(second)
            scaler.run_replicas(scaler.target)
            stats = {"tokens_per_s": value, "queued_tokens": queued}
            scaler.observe(0.0, {} if value is None else stats)
            found.append(scaler.decide())
    return found


def test_there_are_as_many_replicas_as_the_tokens_call_for():
    assert targets([450.0] * 200)[-1] == 5
    assert targets([450.0] * 200, queued=2000.0)[-1] == 7


def test_requests_in_flight_play_no_part():
    assert targets([450.0] * 200, target_ongoing_requests=0.01)[-1] == 5


def test_bounds_hold():
    assert max(targets([1e9] * 200)) == 8
    assert min(targets([0.0] * 300)) == 2


def test_replicas_come_and_go_only_after_the_delays():
    found = targets([450.0] * 100 + [0.0] * 200)

    assert found[19] == 2
    assert found[100 + 59] == 5
    assert found[-1] == 2


def test_factors_slow_the_steps():
    at_once = targets([800.0] * 60, upscale_delay_s=0)
    slowed = targets([800.0] * 60, upscale_delay_s=0, upscaling_factor=0.1)

    assert at_once[0] == 8
    assert 2 < slowed[0] < 8
    assert slowed[-1] == 8


def test_nothing_changes_where_no_replica_records_anything():
    assert set(targets([None] * 200, initial_replicas=4)) == {4}
