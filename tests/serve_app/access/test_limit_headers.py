"""How what is left of limits is written."""

import pytest

from serve_app.access.holding import Holding
from serve_app.access.limit_headers import duration, tell_left
from tests.serve_app.access.held import RPM
from tests.serve_app.access.limited_tenant import World


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (0.2, "1s"), (59.5, "1m0s"), (61, "1m1s"), (360, "6m0s")],
)
def test_durations_are_written_as_openai_does(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize("order", [1, -1])
def test_the_limit_of_which_less_is_left_is_told_with_its_own_reset(order):
    """Whichever is looked at first, and though the other resets sooner."""
    near = Holding(RPM, capacity=5.0, left=2.0, resets_at=1030.0)
    far = Holding(RPM, capacity=100.0, left=90.0, resets_at=1010.0)
    headers: dict[str, str] = {}
    for holding in [near, far][::order]:
        tell_left(headers, "requests", holding, now=1000.0)

    assert headers == {
        "x-ratelimit-limit-requests": "5",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "30s",
    }


def test_what_is_there_again_by_now_resets_in_no_time():
    headers: dict[str, str] = {}
    again = Holding(RPM, capacity=5.0, left=5.0, resets_at=990.0)
    tell_left(headers, "requests", again, now=1000.0)

    assert headers["x-ratelimit-reset-requests"] == "0s"


async def test_a_limit_resets_when_the_last_of_what_was_used_is_free_again():
    world = World(rpm_limit=8)
    await world.ask()
    world.clock.now += 20
    headers = (await world.ask()).headers

    assert headers["x-ratelimit-remaining-requests"] == "6"
    assert headers["x-ratelimit-reset-requests"] == "1m1s"
