"""What requests tell the breakers of models, and what breakers keep from requests."""

import pytest

from deployments.backends.upstream_errors import error_of
from deployments.errors import (
    InvalidRequest,
    Overloaded,
    PromptTooLong,
    QueueFull,
    RateLimited,
    Unsupported,
    UpstreamError,
    UpstreamForbids,
    UpstreamTimeout,
)
from serve_app.answering.trial import Attempt
from tests.serve_app.answering.attempts_world import DOWN, World


@pytest.fixture
def world() -> World:
    return World()


def test_a_model_whose_breaker_is_open_is_passed_over_and_said_to_be(world):
    world.tried(world.request("a", "z"), DOWN)
    world.tried(world.request("a", "y"), DOWN)

    attempts = world.request("a", "b")

    assert attempts.next().model == "b"
    assert [(f.model, f.reason) for f in attempts.failures] == [("a", "breaker_open")]


def test_a_model_that_is_limited_is_not_asked_by_the_next_request(world):
    attempts = world.request("a", "b")
    attempts.next()
    attempts.failed(RateLimited("wait", retry_after_s=30))

    assert world.request("a", "b").next().model == "b"


def test_a_queue_of_ours_that_is_full_sends_on_and_shuts_no_breaker(world):
    for _ in range(5):
        attempts = world.request("a", "b")
        assert attempts.next().model == "a"
        attempts.failed(QueueFull("full", retry_after_s=1.0))
        assert attempts.next().model == "b"

    assert world.breakers.states()["a"] == "closed"


def test_who_finds_the_queue_of_the_only_model_full_comes_again_later(world):
    attempts = world.request("a")
    tried = world.tried(attempts, QueueFull("full", retry_after_s=1.0))

    assert [attempt.wait_s for attempt in tried] == [0, 1, 2]
    with pytest.raises(QueueFull) as raised:
        attempts.next()
    assert (raised.value.status, raised.value.retry_after_s) == (503, 1.0)


def test_if_all_breakers_are_open_the_client_is_told_when_to_come_back(world):
    world.tried(world.request("a", "b"), DOWN)
    world.tried(world.request("a", "b"), DOWN)
    world.now += 4

    with pytest.raises(Overloaded) as raised:
        world.request("a", "b").next()
    assert raised.value.retry_after_s == 6


def test_of_several_open_breakers_the_client_is_told_the_shortest_wait(world):
    attempts = world.request("a", "b")
    for seconds in (30, 20):
        attempts.next()
        attempts.failed(RateLimited("wait", retry_after_s=seconds))

    with pytest.raises(Overloaded) as raised:
        world.request("a", "b").next()
    assert raised.value.retry_after_s == 20


def test_a_retry_leaves_a_model_alone_that_another_request_probes(world):
    waiting = world.request("a")
    waiting.next()
    waiting.failed(DOWN)
    other = world.request("a")
    other.next()
    other.failed(DOWN)
    world.now += 10
    world.request("a").next()  # the probe

    with pytest.raises(UpstreamError):
        waiting.next()


def test_a_success_after_the_pause_closes_the_breaker(world):
    world.tried(world.request("a", "b"), DOWN)
    world.tried(world.request("a", "b"), DOWN)
    world.now += 10
    attempts = world.request("a")
    attempts.next()
    attempts.began()
    attempts.finished()

    assert world.breakers.of("a").state == "closed"


def test_a_model_that_answers_again_is_there_for_all_while_its_probe_streams(world):
    world.tried(world.request("a", "b"), DOWN)
    world.tried(world.request("a", "b"), DOWN)
    world.now += 10
    probe = world.request("a")
    probe.next()
    probe.began()
    world.now += 60

    assert world.request("a").next() == Attempt("a")


def test_a_probe_that_the_budget_does_not_cover_is_left_to_the_next_request(world):
    world.tried(world.request("a", "z"), DOWN)
    world.tried(world.request("a", "y"), DOWN)
    world.now += 10
    attempts = world.request("a", "b")
    assert attempts.next().model == "a"
    attempts.over_budget()

    assert world.request("a", "b").next().model == "a"


def test_a_model_that_hung_is_probed_though_some_still_wait_for_it(world):
    waiting = [world.request("a", "z") for _ in range(4)]
    for attempts in waiting:
        attempts.next()
    for attempts in waiting[:2]:
        attempts.failed(UpstreamTimeout("t"))
    assert world.breakers.of("a").state == "open"
    world.now += 10
    waiting[2].failed(UpstreamTimeout("t"))

    probe = world.request("a", "b")
    assert probe.next().model == "a"
    probe.began()
    waiting[3].failed(UpstreamTimeout("t"))
    assert world.request("a", "b").next().model == "a"


def test_a_model_that_hung_is_probed_once_though_clients_leave_that_wait_for_it(world):
    waiting = [world.request("a", "z") for _ in range(4)]
    for attempts in waiting:
        attempts.next()
    for attempts in waiting[:2]:
        attempts.failed(UpstreamTimeout("t"))
    world.now += 10
    assert world.request("a", "b").next().model == "a"
    waiting[2].abandoned()
    waiting[3].failed(InvalidRequest("no"))

    assert world.request("a", "b").next().model == "b"


def test_an_answer_that_is_not_streamed_keeps_a_model_from_the_others_for_a_while_only(
    world,
):
    world.tried(world.request("a", "z"), DOWN)
    world.tried(world.request("a", "y"), DOWN)
    world.now += 10
    world.request("a").next()  # the probe: nothing is heard of it before its end
    with pytest.raises(Overloaded):
        world.request("a").next()
    world.now += 10

    assert world.request("a").next() == Attempt("a")


def test_clients_that_leave_a_model_that_hung_make_no_room_for_further_probes(world):
    waiting = world.request("a", "z")
    waiting.next()
    world.tried(world.request("a", "z"), DOWN)
    world.tried(world.request("a", "y"), DOWN)
    world.now += 10
    assert world.request("a", "b").next().model == "a"
    waiting.abandoned()

    assert world.request("a", "b").next().model == "b"


def test_an_answer_that_breaks_counts_against_its_model(world):
    for _ in range(2):
        attempts = world.request("a")
        attempts.next()
        attempts.began()
        attempts.broke(DOWN)

    assert world.breakers.of("a").state == "open"


def test_a_client_that_leaves_counts_against_nobody(world):
    for _ in range(5):
        attempts = world.request("a")
        attempts.next()
        attempts.abandoned()

    assert world.breakers.of("a").state == "closed"


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("no"),
        PromptTooLong("long"),
        UpstreamForbids("flagged"),
        Unsupported("tools"),
    ],
)
def test_what_may_be_the_request_s_own_fault_opens_no_breaker(world, error):
    for _ in range(5):
        attempts = world.request("a")
        attempts.next()
        attempts.failed(error)

    assert world.breakers.of("a").state == "closed"


def test_a_probe_that_was_the_request_s_own_fault_leaves_its_place_to_another(world):
    breaker = world.breakers.of("a")
    breaker.failed(retry_after_s=10)
    world.now += 10
    probe = world.request("a")
    probe.next()
    probe.failed(InvalidRequest("no"))

    assert breaker.state == "half-open"
    assert breaker.admit()


@pytest.mark.parametrize(("status", "state"), [(403, "closed"), (404, "open")])
def test_input_that_is_flagged_closes_the_model_to_nobody(world, status, state):
    for _ in range(2):
        attempts = world.request("a", "b")
        attempts.next()
        attempts.failed(error_of(status))
        assert attempts.next().model == "b"  # another may take it

    assert world.breakers.of("a").state == state


@pytest.mark.parametrize(
    ("used_s", "error", "hurried", "state"),
    [
        (60, UpstreamTimeout("t"), True, "closed"),
        (60, UpstreamTimeout("t"), False, "open"),
        (60, DOWN, True, "open"),
        (1, UpstreamTimeout("t"), True, "open"),
    ],
)
def test_who_is_left_no_time_to_answer_in_is_not_blamed(
    world, used_s, error, hurried, state
):
    for _ in range(2):
        attempts = world.request("slow", "b", deadline=world.now + 100)
        attempts.next()
        world.now += used_s
        attempts.failed(UpstreamForbids("no news"))
        assert attempts.next().model == "b"
        attempts.failed(error, hurried=hurried)

    breaker = world.breakers.of("b")
    assert ("closed" if breaker.admit() else "open") == state
