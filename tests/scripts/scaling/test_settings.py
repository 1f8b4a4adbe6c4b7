import pytest

from scripts.scaling.plan import SCALED, Running, route_call, route_capacity
from scripts.scaling.settings import Goal, derive
from tests.scripts.scaling.made import made_workload

GOAL = Goal(least=50.0, most=1000.0)
LOAD = made_workload()


def test_targets_follow_little_s_law():
    settings = derive(LOAD, "OpenRouterBackend", GOAL)
    rate = 0.7 / LOAD.cpu_s("OpenRouterBackend")

    assert settings.target_ongoing_requests == pytest.approx(rate * 3.5, rel=0.05)
    assert settings.max_ongoing_requests > settings.target_ongoing_requests / 0.7


def test_the_most_replicas_take_the_top_rate_with_headroom():
    settings = derive(LOAD, "Gateway", GOAL)

    assert settings.max_replicas * LOAD.rate("Gateway") >= 1.25 * GOAL.most
    assert (settings.max_replicas - 1) * LOAD.rate("Gateway") < 1.25 * GOAL.most


def test_the_fewest_replicas_bear_a_burst_at_night():
    full = LOAD.capacity("Embedder")
    settings = derive(LOAD, "Embedder", Goal(least=500.0, most=5000.0))

    assert settings.min_replicas * full >= 3 * 500.0
    assert (settings.min_replicas - 1) * full < 3 * 500.0


def test_what_a_burst_has_started_is_kept_while_it_lasts():
    for name in SCALED:
        assert derive(LOAD, name, GOAL).downscale_delay_s >= GOAL.bursts.last_s


@pytest.mark.parametrize("name", ["Router", "Embedder"])
def test_a_replica_takes_the_calls_of_all_gateways_that_there_may_be(name):
    top = Goal(least=50.0, most=10_000.0)
    gateways = derive(LOAD, "Gateway", top).max_replicas

    most = derive(LOAD, name, top).max_ongoing_requests
    assert most >= 2 * gateways * LOAD.route_calls


@pytest.mark.parametrize("name", SCALED)
def test_serve_takes_the_settings_and_each_has_its_reason(name):
    settings = derive(LOAD, name, GOAL)

    config = settings.autoscaling()
    assert config.min_replicas >= 2
    assert set(settings.why) >= {"min_replicas", "target_ongoing_requests"}


def test_only_embedders_are_scaled_by_tokens():
    policies = {name: derive(LOAD, name, GOAL).policy for name in SCALED}
    embedder = policies.pop("Embedder")

    assert set(policies.values()) == {None}
    assert embedder is not None
    assert embedder.kwargs["capacity"] == pytest.approx(
        0.85 * 0.7 * LOAD.tokens_per_s, rel=0.05
    )
    assert set(embedder.why) == set(embedder.kwargs)


def test_a_gpu_takes_other_tokens_and_says_that_they_are_assumed():
    slow, fast = (derive(made_workload(gpu=gpu), "Embedder", GOAL) for gpu in (0, 1))

    assert slow.policy is not None
    assert fast.policy is not None
    assert fast.policy.kwargs["capacity"] > slow.policy.kwargs["capacity"]
    assert "assumed" in fast.policy.why["capacity"]


def test_a_slow_start_leaves_no_time_for_a_delay():
    slow = made_workload(gpu=True)

    assert derive(slow, "Embedder", GOAL).upscale_delay_s == 0.0
    assert derive(LOAD, "Embedder", GOAL).upscale_delay_s == 10.0


def test_no_more_embedders_work_than_calls_are_in_flight():
    few = route_capacity(LOAD, Running(1, 9, 50), tokens=100.0)
    more = route_capacity(LOAD, Running(2, 9, 50), tokens=100.0)

    assert LOAD.route_calls > 1
    assert more == pytest.approx(2 * few)


def test_calls_grow_with_the_load_and_gather_more():
    running = Running(2, 2, 6)
    calm, busy = (route_call(LOAD, rate, running, 50.0) for rate in (5.0, 200.0))

    assert calm.batch == pytest.approx(1.0, abs=0.05)
    assert busy.seconds > calm.seconds
    assert busy.batch > calm.batch
    assert busy.in_flight <= LOAD.route_calls
