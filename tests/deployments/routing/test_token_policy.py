"""How many Embedders the tokens call for. In Serve's hands: tests/scripts/scaling."""

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from deployments.routing.token_policy import TokenPolicy


def wanted(
    metrics: Mapping[str, Mapping[str, float]] | None,
    *,
    running: int = 2,
    target: int = 3,
    drain_s: float = 10.0,
) -> float:
    context = SimpleNamespace(
        current_num_replicas=running,
        target_num_replicas=target,
        aggregated_metrics=metrics,
    )
    replicas, state = TokenPolicy(capacity=1000.0, drain_s=drain_s)(context)
    assert state == {}
    return replicas


def told(**tokens_per_s: float) -> dict[str, dict[str, float]]:
    return {"tokens_per_s": tokens_per_s}


@pytest.mark.parametrize("metrics", [None, {}, {"other": {"a": 1.0}}, told()])
def test_nothing_changes_while_no_replica_has_reported(metrics):
    assert wanted(metrics) == 3


def test_the_tokens_of_all_replicas_count():
    assert wanted(told(a=900.0, b=600.0)) == 1.5


def test_what_waits_is_to_be_gone_in_time():
    metrics = told(a=900.0, b=600.0) | {"queued_tokens": {"a": 5000.0, "b": 3000.0}}

    assert wanted(metrics) == pytest.approx(2.3)
    assert wanted(metrics, drain_s=2.0) == pytest.approx(5.5)


def test_while_one_is_silent_there_come_more_but_no_fewer():
    assert wanted(told(a=5000.0), running=2) == 5
    assert wanted(told(a=100.0), running=2) == 3
    assert wanted(told(a=100.0), running=1) == 0.1


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"capacity": 9, "drain_s": 0}])
def test_figures_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="above 0"):
        TokenPolicy(**wrong)
