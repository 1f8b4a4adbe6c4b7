"""How what is left of limits is written."""

import pytest

from serve_app.access.limit_headers import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (0.2, "1s"), (59.5, "1m0s"), (61, "1m1s"), (360, "6m0s")],
)
def test_durations_are_written_as_openai_does(seconds, said):
    assert duration(seconds) == said
