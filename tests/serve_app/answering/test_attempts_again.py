"""A model that is asked once more for something else, as it refuses what was asked."""

import pytest

from deployments.backends.breaker import BreakerConfig, Breakers
from deployments.errors import UpstreamError
from tests.serve_app.answering.attempts_world import DOWN, World

WHY = "reasoning_refused"


@pytest.fixture
def world() -> World:
    return World()


def reasons(attempts):
    return [(failure.model, failure.reason) for failure in attempts.failures]


def test_it_is_the_next_at_once_and_uses_no_fallback(world):
    attempts = world.request("a", "b", "c")
    assert attempts.next().model == "a"
    attempts.again(WHY)

    again = attempts.next()
    assert (again.model, again.wait_s) == ("a", 0.0)
    assert [made.model for made in _after(world, attempts)] == ["b", "c"]
    assert reasons(attempts)[0] == ("a", WHY)


def test_the_only_model_is_tried_as_often_as_without_that(world):
    world.breakers = Breakers(BreakerConfig(failures=9), world.clock)
    attempts = world.request("a")
    attempts.next()
    attempts.again(WHY)

    assert attempts.next().wait_s == 0.0
    assert [made.wait_s for made in _after(world, attempts)] == [1.0, 2.0]


def test_the_only_model_may_refuse_when_it_is_tried_again(world):
    attempts = world.request("a")
    attempts.next()
    attempts.failed(DOWN)
    attempts.next()
    attempts.again(WHY)

    assert attempts.next().model == "a"


def test_that_it_refuses_what_it_cannot_read_closes_no_model(world):
    for _ in range(5):
        attempts = world.request("a")
        attempts.next()
        attempts.again(WHY)

    assert world.breakers.of("a").state == "closed"


def _after(world, attempts):
    """What is tried when that fails, too, until it is given up."""
    attempts.failed(DOWN)
    made = world.tried(attempts, DOWN)
    with pytest.raises(UpstreamError):
        attempts.next()
    return made
