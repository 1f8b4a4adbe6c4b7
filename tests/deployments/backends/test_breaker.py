"""When a model is left alone, and when it is tried again."""

import pytest

from deployments.backends.breaker import Breaker, Breakers
from deployments.backends.breaker_config import BreakerConfig


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock) -> Breaker:
    return Breaker(BreakerConfig(failures=3, open_s=10, max_open_s=25), clock)


def trip(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        breaker.failed()


def test_it_opens_when_enough_recent_attempts_fail(breaker):
    trip(breaker, 2)
    assert breaker.admit()

    breaker.failed()

    assert breaker.state == "open"
    assert not breaker.admit()
    assert breaker.wait_s == 10


def test_few_failures_among_many_answers_do_not_open_it(breaker):
    for _ in range(10):
        breaker.succeeded()
    trip(breaker, 4)

    assert breaker.state == "closed"


def test_old_failures_are_forgotten(breaker, clock):
    trip(breaker, 2)
    clock.now += 61
    breaker.failed()

    assert breaker.state == "closed"


def test_one_probe_is_let_through_and_closes_it_if_it_succeeds(breaker, clock):
    trip(breaker)
    clock.now += 10

    assert breaker.state == "half-open"
    assert [breaker.admit(), breaker.admit()] == [True, False]
    breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "closed", "what was before the probe counts no more"


def test_a_probe_that_fails_doubles_the_time_up_to_a_limit(breaker, clock):
    trip(breaker)
    waits = []
    for _ in range(3):
        clock.now += breaker.wait_s
        assert breaker.admit()
        breaker.failed()
        waits.append(breaker.wait_s)

    assert waits == [20, 25, 25]


def test_a_probe_that_is_abandoned_leaves_room_for_another(breaker, clock):
    trip(breaker)
    clock.now += 10
    breaker.admit()
    breaker.abandoned()

    assert breaker.admit()


def test_who_began_before_it_opened_does_not_take_the_probe_s_place_along(
    breaker, clock
):
    before = breaker.openings
    trip(breaker)
    clock.now += 10
    assert breaker.admit()
    breaker.abandoned(since=before)

    assert not breaker.admit(), "the probe goes on"
    breaker.abandoned(since=breaker.openings)
    assert breaker.admit()


def test_a_probe_that_is_silent_is_followed_by_others_each_after_twice_the_time(
    breaker, clock
):
    trip(breaker)
    clock.now += 10
    assert breaker.admit()
    waits = []
    for _ in range(4):
        waits.append(0)
        while not breaker.admit():
            clock.now += 1
            waits[-1] += 1

    assert waits == [10, 20, 25, 25]


@pytest.mark.parametrize("heard", [Breaker.succeeded, Breaker.failed])
def test_a_probe_that_ends_while_others_are_told_to_wait_longer_is_over(
    breaker, clock, heard
):
    before = breaker.openings
    trip(breaker)
    clock.now += 10
    assert breaker.admit()
    breaker.failed(retry_after_s=5, since=before)
    heard(breaker, since=breaker.openings)
    clock.now += 5

    assert breaker.state == "half-open"
    assert breaker.admit()


def test_retry_after_opens_it_at_once_for_that_long(breaker, clock):
    breaker.failed(retry_after_s=7)

    assert breaker.wait_s == 7
    clock.now += 7
    assert breaker.admit()


def test_a_retry_after_beyond_the_limit_is_cut(breaker):
    breaker.failed(retry_after_s=86_400)

    assert breaker.wait_s == 25


def test_answers_of_attempts_from_before_it_opened_are_no_news(breaker, clock):
    before = breaker.openings
    trip(breaker)
    breaker.succeeded()
    assert breaker.state == "open"

    clock.now += 10
    breaker.succeeded(since=before)
    assert breaker.state == "half-open"
    breaker.succeeded(since=breaker.openings)
    assert breaker.state == "closed"


def test_failures_of_attempts_from_before_it_opened_are_no_news(breaker, clock):
    before = breaker.openings
    trip(breaker)
    clock.now += 10
    breaker.failed(since=before)

    assert breaker.admit(), "as one that hung has failed no probe"
    breaker.began()
    breaker.failed(since=before)
    assert breaker.state == "closed"
    breaker.failed(retry_after_s=3, since=before)
    assert breaker.wait_s == 3
    clock.now += 3
    breaker.failed(since=breaker.openings)
    assert breaker.wait_s == 20


@pytest.mark.parametrize("later_s", [0, 10])
def test_an_attempt_from_before_it_opened_may_know_how_long_to_wait(
    breaker, clock, later_s
):
    before = breaker.openings
    trip(breaker)
    clock.now += later_s
    breaker.failed(retry_after_s=17, since=before)

    assert breaker.wait_s == 17, "and no longer: it was no probe"


def test_each_model_has_its_own(clock):
    breakers = Breakers(BreakerConfig(failures=1), clock)
    breakers.of("a").failed()

    assert breakers.of("b").state == "closed"
    assert breakers.states() == {"a": "open", "b": "closed"}


def test_of_very_many_those_are_forgotten_that_nobody_asks_any_more(monkeypatch, clock):
    monkeypatch.setattr("deployments.backends.breaker._MANY", 3)
    breakers = Breakers(BreakerConfig(failures=1), clock)
    breakers.of("a gone").succeeded()
    breakers.of("a down").failed()
    clock.now += 3700
    breakers.of("a").succeeded()
    breakers.of("b").failed()

    assert breakers.states() == {"a": "closed", "b": "open"}


def test_none_is_forgotten_that_is_in_use_however_many_they_are(monkeypatch, clock):
    monkeypatch.setattr("deployments.backends.breaker._MANY", 3)
    breakers = Breakers(BreakerConfig(failures=1), clock)
    for name in "abcdefgh":
        breakers.of(name).failed()

    assert set(breakers.states().values()) == {"open"}
    assert len(breakers.states()) == 8


@pytest.mark.parametrize(("n_answers", "state"), [(3, "open"), (4, "closed")])
def test_just_the_share_that_may_fail_opens_it(breaker, n_answers, state):
    for _ in range(n_answers):
        breaker.succeeded()
    trip(breaker)

    assert breaker.state == state


def test_a_probe_that_fails_after_a_short_retry_after_waits_no_less_than_others(
    breaker, clock
):
    breaker.failed(retry_after_s=1)
    clock.now += 1
    assert breaker.admit()
    breaker.failed()

    assert breaker.wait_s == 20


def test_after_it_has_closed_it_opens_for_as_short_as_at_first(breaker, clock):
    trip(breaker)
    clock.now += 10
    breaker.admit()
    breaker.failed()
    clock.now += 20
    breaker.admit()
    breaker.succeeded()
    trip(breaker)
    clock.now += 10
    breaker.admit()
    breaker.failed()

    assert breaker.wait_s == 20


def test_a_probe_that_begins_to_answer_lets_the_others_in(breaker, clock):
    trip(breaker)
    clock.now += 10
    assert breaker.admit()
    breaker.began()

    assert breaker.state == "closed"
    assert breaker.admit(), "the probe's last byte may be minutes away"


@pytest.mark.parametrize(("retry_after_s", "wait_s"), [(None, 20), (3, 3)])
def test_until_an_answer_is_complete_one_failure_opens_it_twice_as_long_or_as_it_says(
    breaker, clock, retry_after_s, wait_s
):
    trip(breaker)
    clock.now += 10
    breaker.admit()
    breaker.began()
    breaker.failed(retry_after_s)

    assert breaker.wait_s == wait_s


def test_a_model_at_its_rate_limit_is_left_alone_for_as_long_as_it_says_each_time(
    breaker, clock
):
    waits = []
    for _ in range(5):
        breaker.failed(retry_after_s=2, since=breaker.openings)
        waits.append(breaker.wait_s)
        clock.now += breaker.wait_s
        assert breaker.admit()
        breaker.began()

    assert waits == [2] * 5


def test_after_a_complete_answer_it_is_as_it_was_in_the_beginning(breaker, clock):
    trip(breaker)
    clock.now += 10
    breaker.admit()
    breaker.began()
    breaker.succeeded()

    breaker.failed()
    assert breaker.state == "closed"
    trip(breaker)
    assert breaker.wait_s == 10


def test_a_first_byte_of_an_attempt_from_before_it_opened_is_no_news(breaker):
    trip(breaker)
    breaker.began()

    assert breaker.state == "open"


def test_a_probe_that_is_told_to_wait_longer_does(breaker, clock):
    trip(breaker)
    clock.now += 10
    breaker.admit()
    breaker.failed(retry_after_s=23)

    assert breaker.wait_s == 23


def test_of_attempts_that_were_told_to_wait_the_longest_time_counts(breaker):
    breaker.failed(retry_after_s=1)
    breaker.failed(retry_after_s=7)
    breaker.failed(retry_after_s=3)
    breaker.failed()

    assert breaker.wait_s == 7
