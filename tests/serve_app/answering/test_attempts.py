"""The state machine of retries and fallbacks, without network and without waiting."""

import pytest

from deployments.backends.breaker import BreakerConfig, Breakers
from deployments.backends.upstream_errors import error_of
from deployments.errors import (
    InvalidRequest,
    Overloaded,
    PromptFlagged,
    PromptTooLong,
    RateLimited,
    ServingError,
    Unsupported,
    UpstreamError,
    UpstreamForbids,
    UpstreamRefusal,
    UpstreamTimeout,
)
from serve_app.answering.attempts import Attempt, Attempts, Bounds, RetryPolicy

DOWN = UpstreamError("down")
POLICY = RetryPolicy(max_fallbacks=2, max_retries=2, backoff_s=1, max_wait_s=5)


class World:
    """A clock and breakers that outlive one request."""

    def __init__(self) -> None:
        self.now = 0.0
        self.breakers = Breakers(BreakerConfig(failures=2, open_s=10), self.clock)

    def clock(self) -> float:
        return self.now

    def request(self, *models: str, policy=POLICY, deadline=100.0, **bounds):
        return Attempts(
            models,
            policy,
            self.breakers,
            Bounds(deadline, **bounds),
            clock=self.clock,
            jitter=lambda: 0.5,
        )

    def tried(self, attempts: Attempts, error: ServingError) -> list[Attempt]:
        """What is tried while everything fails with `error`, until it is raised."""
        made = []
        while True:
            try:
                made.append(attempts.next())
            except ServingError:
                return made
            self.now += made[-1].wait_s
            attempts.failed(error)


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

    assert attempts.next() == Attempt("a", 4.0), "its pause, then the upstream's"


def test_a_longer_retry_after_goes_to_the_client(world):
    attempts = world.request("a")
    attempts.next()
    attempts.failed(RateLimited("wait", retry_after_s=30))

    with pytest.raises(RateLimited) as raised:
        attempts.next()
    assert raised.value.retry_after_s == 30


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


def test_a_model_over_the_budget_left_is_passed_over_and_unknown_is_not(world):
    attempts = world.request(
        "dear", "unknown", budget_left_usd=0.01, cost_usd={"dear": 0.5}
    )

    assert attempts.next().model == "unknown"
    assert attempts.failures[0].reason == "over_budget"


def test_a_model_that_costs_just_what_is_left_of_the_budget_is_asked(world):
    attempts = world.request("a", budget_left_usd=0.5, cost_usd={"a": 0.5})

    assert attempts.next().model == "a"


def test_a_model_that_turns_out_over_the_budget_uses_no_fallback(world):
    attempts = world.request("dear", "b", "c", "d")
    attempts.next()
    attempts.over_budget()

    assert models(world.tried(attempts, DOWN)) == ["b", "c", "d"]
    assert (attempts.failures[0].model, attempts.failures[0].reason) == (
        "dear",
        "over_budget",
    )


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


def test_a_probe_that_the_budget_does_not_cover_is_left_to_the_next_request(world):
    world.tried(world.request("a", "z"), DOWN)
    world.tried(world.request("a", "y"), DOWN)
    world.now += 10
    attempts = world.request("a", "b")
    assert attempts.next().model == "a"
    attempts.over_budget()

    assert world.request("a", "b").next().model == "a"


def test_if_nothing_fits_the_budget_that_is_what_is_said(world):
    attempts = world.request("a", budget_left_usd=0.01, cost_usd={"a": 0.5})

    with pytest.raises(RateLimited) as raised:
        attempts.next()
    assert raised.value.code == "insufficient_quota"


def test_after_the_first_byte_nothing_is_tried_again(world):
    attempts = world.request("a", "b")
    attempts.next()
    attempts.began()

    with pytest.raises(AssertionError):
        attempts.next()


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
