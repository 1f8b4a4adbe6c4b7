"""What a client is told whose limit is reached, or whose budget is spent."""

import pytest

from deployments.limits.allowances import Slice
from serve_app.access.holding import Holding
from serve_app.access.limit_errors import insufficient_quota, limit_reached
from tests.serve_app.access.held import BUDGET, PLACES, TPM


@pytest.mark.parametrize(("amount", "retry_after_s"), [(100.0, 9.0), (101.0, None)])
def test_who_asks_for_no_more_than_the_limit_may_come_again(amount, retry_after_s):
    error = limit_reached(TPM, Holding(TPM, capacity=100.0), amount, 9.0)

    assert error.retry_after_s == retry_after_s
    assert ("This request alone" in error.message) == (retry_after_s is None)


def test_a_place_is_waited_for_however_few_there_are():
    error = limit_reached(PLACES, Holding(PLACES, capacity=0.0), 1.0, 1.0)

    assert error.retry_after_s == 1.0
    assert error.message == "The limit of this tenant is reached: 0 requests at a time."


def test_what_is_left_of_a_budget_is_with_the_ledger_and_at_hand():
    holding = Holding(BUDGET, capacity=8.0, left=0.5, part=Slice(free=0.25))

    said = insufficient_quota(holding, None).message
    assert said.startswith("Of the budget of 8.00 USD 0.750000 are left: less than")


def test_a_budget_that_is_overdrawn_has_nothing_left():
    holding = Holding(BUDGET, capacity=8.0, part=Slice(free=-0.25))

    assert "8.00 USD 0.000000 are left" in insufficient_quota(holding, None).message
