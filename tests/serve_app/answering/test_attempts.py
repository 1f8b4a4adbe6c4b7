"""The state machine of retries and fallbacks, without network and without waiting."""

import pytest

from deployments.backends.breaker import Breakers
from deployments.backends.breaker_config import BreakerConfig
from deployments.errors import (
    InvalidRequest,
    Overloaded,
    PromptFlagged,
    PromptTooLong,
    RateLimited,
    Unsupported,
    UpstreamError,
    UpstreamForbids,
    UpstreamRefusal,
    UpstreamTimeout,
)
from serve_app.answering.trial import Attempt
from tests.serve_app.answering.attempts_world import DOWN, POLICY, World


@pytest.fixture
def world() -> World:
    return World()


def models(attempts: list[Attempt]) -> list[str]:
    return [attempt.model for attempt in attempts]


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        UpstreamTimeout("t"),
        RateLimited("r"),
        Overloaded("o"),
        UpstreamRefusal(""),
        UpstreamForbids(""),
    ],
)
def test_a_retryable_failure_falls_back_along_the_ranking(world, error):
    tried = world.tried(world.request("a", "b", "c", "d"), error)

    assert models(tried) == ["a", "b", "c"]
    assert {attempt.wait_s for attempt in tried} == {0.0}


def test_what_no_other_model_can_mend_is_raised_at_once(world):
    attempts = world.request("a", "b")
    attempts.next()
    attempts.failed(InvalidRequest("no"))

    with pytest.raises(InvalidRequest) as raised:
        attempts.next()
    assert raised.value.model == "a"


def test_the_only_model_is_asked_again_after_growing_pauses(world):
    world.breakers = Breakers(BreakerConfig(failures=9), world.clock)

    tried = world.tried(world.request("a"), DOWN)

    assert tried == [Attempt("a"), Attempt("a", 1.0), Attempt("a", 2.0)]


@pytest.mark.parametrize("error", [UpstreamRefusal("no"), PromptTooLong("long")])
def test_a_refusal_is_not_asked_again(world, error):
    assert len(world.tried(world.request("a"), error)) == 1


def test_the_only_model_is_asked_again_when_the_upstream_said(world):
    attempts = world.request("a")
    attempts.next()
    attempts.failed(RateLimited("wait", retry_after_s=3))

    assert attempts.next().wait_s == 4.5, "its pause, the upstream's, and some more"


@pytest.mark.parametrize(("said_s", "apart_s"), [(2.0, 1.1), (4.8, 0.15), (0.01, 0.1)])
def test_those_who_were_told_to_wait_as_long_do_not_come_back_together(said_s, apart_s):
    policy = POLICY.model_copy(update={"backoff_s": 0.1})
    waits = []
    for jitter in (0.0, 1.0):
        attempts = World().request("a", policy=policy, jitter=jitter)
        attempts.next()
        attempts.failed(RateLimited("wait", retry_after_s=said_s))
        waits.append(attempts.next().wait_s)

    assert waits[0] >= max(said_s, 0.05)
    assert waits[1] - waits[0] == pytest.approx(apart_s)
    assert waits[1] <= policy.max_wait_s


def test_who_comes_back_hears_that_another_was_told_to_wait_longer(world):
    waiting = [world.request("a") for _ in range(2)]
    for attempts in waiting:
        attempts.next()
    for attempts in waiting:
        attempts.failed(RateLimited("wait", retry_after_s=2))
    world.now += max(attempts.next().wait_s for attempts in waiting)
    first, second = waiting
    assert first.resumed() == 0
    first.failed(RateLimited("wait", retry_after_s=60))

    with pytest.raises(RateLimited) as raised:
        second.resumed()
    assert raised.value.retry_after_s == 60


def test_a_pause_is_longer_by_what_another_was_told_meanwhile(world):
    first, second = world.request("a"), world.request("a")
    for attempts in (first, second):
        attempts.next()
    first.failed(RateLimited("wait", retry_after_s=2))
    wait_s = first.next().wait_s
    world.now += 1
    second.failed(RateLimited("wait", retry_after_s=2.8))
    world.now += wait_s - 1

    assert first.resumed() == 1
    world.now += 1
    assert first.resumed() == 0


def test_a_longer_retry_after_goes_to_the_client(world):
    attempts = world.request("a")
    attempts.next()
    attempts.failed(RateLimited("wait", retry_after_s=30))

    with pytest.raises(RateLimited) as raised:
        attempts.next()
    assert raised.value.retry_after_s == 30


def test_nothing_is_begun_when_the_time_is_over(world):
    attempts = world.request("a", "b", deadline=5.0)
    attempts.next()
    world.now = 5.0
    attempts.failed(DOWN)

    with pytest.raises(UpstreamError):
        attempts.next()
    with pytest.raises(UpstreamTimeout):
        world.request("a", deadline=5.0).next()


def test_no_retry_whose_pause_is_longer_than_the_time_left(world):
    attempts = world.request("a", deadline=0.5)
    attempts.next()
    attempts.failed(DOWN)

    with pytest.raises(UpstreamError):
        attempts.next()


def test_a_model_that_turns_out_over_the_budget_uses_no_fallback(world):
    attempts = world.request("dear", "b", "c", "d")
    attempts.next()
    attempts.over_budget()

    assert models(world.tried(attempts, DOWN)) == ["b", "c", "d"]
    assert (attempts.failures[0].model, attempts.failures[0].reason) == (
        "dear",
        "over_budget",
    )


def test_if_nothing_fits_the_budget_that_is_what_is_said(world):
    attempts = world.request("a")
    attempts.next()
    attempts.over_budget()

    with pytest.raises(RateLimited) as raised:
        attempts.next()
    assert raised.value.code == "insufficient_quota"


def test_after_the_first_byte_nothing_is_tried_again(world):
    attempts = world.request("a", "b")
    attempts.next()
    attempts.began()

    with pytest.raises(AssertionError):
        attempts.next()


@pytest.mark.parametrize(
    "refusal",
    [
        PromptTooLong("long"),
        PromptFlagged("hate"),
        Unsupported("x"),
        UpstreamRefusal(""),
    ],
)
def test_where_one_was_only_busy_the_client_is_told_to_come_again(world, refusal):
    for errors in ([RateLimited("busy"), refusal], [refusal, RateLimited("busy")]):
        attempts = world.request("a", "b")
        for error in errors:
            attempts.next()
            attempts.failed(error)

        with pytest.raises(RateLimited) as raised:
            attempts.next()
        assert raised.value.model == "ab"[errors.index(raised.value)]


def test_where_none_may_pass_the_client_is_told_the_last(world):
    attempts = world.request("a", "b")
    for error in (PromptTooLong("long"), PromptFlagged("hate")):
        attempts.next()
        attempts.failed(error)

    with pytest.raises(PromptFlagged):
        attempts.next()


def test_what_no_other_model_can_mend_is_the_last_word(world):
    attempts = world.request("a", "b", "c")
    for error in (RateLimited("busy"), InvalidRequest("no")):
        attempts.next()
        attempts.failed(error)

    with pytest.raises(InvalidRequest):
        attempts.next()


@pytest.mark.parametrize(("hurried", "state"), [(True, "closed"), (False, "open")])
def test_who_is_left_no_time_to_end_in_is_not_blamed(world, hurried, state):
    for _ in range(2):
        attempts = world.request("slow", "b", deadline=world.now + 100)
        attempts.next()
        world.now += 60
        attempts.failed(UpstreamForbids("no news"))
        attempts.next()
        attempts.began()
        attempts.broke(UpstreamTimeout("t"), hurried=hurried)

    breaker = world.breakers.of("b")
    assert ("closed" if breaker.admit() else "open") == state


def test_the_only_model_is_not_asked_again_if_the_budget_does_not_cover_it(world):
    attempts = world.request("a")
    attempts.next()
    attempts.failed(DOWN)
    assert attempts.next().model == "a"
    attempts.over_budget()

    with pytest.raises(UpstreamError) as raised:
        attempts.next()
    assert raised.value is DOWN
    assert attempts.failures[-1].reason == "over_budget"


@pytest.mark.parametrize("refusal", [PromptTooLong("long"), Unsupported("tools")])
@pytest.mark.parametrize("ranking", ["ab", "ba"])
def test_where_one_is_left_alone_for_a_while_the_client_is_told_to_come_again(
    world, refusal, ranking
):
    world.breakers.of("b").failed(retry_after_s=30)
    attempts = world.request(*ranking)
    assert attempts.next().model == "a"
    attempts.failed(refusal)

    with pytest.raises(Overloaded) as raised:
        attempts.next()
    assert (raised.value.code, raised.value.retry_after_s) == ("breaker_open", 30)


def test_where_as_many_as_may_be_have_refused_one_left_alone_may_still_answer(world):
    world.breakers.of("b").failed(retry_after_s=30)
    attempts = world.request("b", "a", "c", "d")

    for _ in range(3):
        attempts.next()
        attempts.failed(PromptTooLong("long"))

    with pytest.raises(Overloaded):
        attempts.next()


def test_one_left_alone_may_be_within_the_budget_that_another_is_over(world):
    world.breakers.of("cheap").failed(retry_after_s=30)
    attempts = world.request("cheap", "dear")
    assert attempts.next().model == "dear"
    attempts.over_budget()

    with pytest.raises(Overloaded) as raised:
        attempts.next()
    assert raised.value.retry_after_s == 30
