"""How much of a call its texts take."""

import pytest

from deployments.routing.call_share import call_share


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        (("a short question", None), 1),
        (("x" * 4096,), 1),
        (("x" * 4096, "y" * 4096), 2),
        (("x" * 2**18, None), 64),
    ],
)
def test_long_texts_take_more_of_a_call(texts, share):
    assert call_share(*texts) == share
