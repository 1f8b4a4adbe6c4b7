"""What a request used of a rate beyond what it had reserved."""

import pytest

from tests.serve_app.access.held import TPM, taken


@pytest.mark.parametrize("took_s", [1, 30, 90])
async def test_tokens_that_nobody_had_reserved_count_from_the_end_of_their_answer(
    holdings, clock, took_s
):
    """No request states how long an answer will be without `max_tokens`, and it may
    take longer than a minute."""
    reservation = await taken(holdings, TPM, 10)
    clock.now += took_s
    holdings.settle(reservation, used=700)  # of 800
    await holdings.give_back_idle()

    clock.now += 59
    assert await holdings.reserve(TPM, 200) is None
    clock.now += 2
    assert await holdings.reserve(TPM, 200) is not None
