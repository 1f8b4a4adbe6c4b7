"""Whose soft budget is spent is warned with each answer, and goes on."""

from datetime import UTC, datetime

import pytest

from deployments.limits.ledger_protocol import BudgetState
from tests.serve_app.access.limited_tenant import World

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def spent(tenant: str) -> BudgetState:
    return BudgetState(
        tenant, 9.25, 0.0, max_budget=None, soft_budget=8.0, start=START, end=END
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_each_answer_says_what_is_spent_and_until_when(stream):
    world = World()
    world.gateway.warn([spent("t")])
    response = await world.ask(stream=stream)

    assert response.status_code == 200
    assert response.headers["x-budget-warning"] == (
        "9.25 USD are spent, the soft budget is 8.00; "
        "it begins anew at 2026-07-01T00:00Z"
    )


async def test_nobody_else_is_warned_and_nobody_once_it_begins_anew():
    world = World()
    world.gateway.warn([spent("other")])
    assert "x-budget-warning" not in (await world.ask()).headers

    world.gateway.warn([spent("t")])
    world.gateway.warn([])
    assert "x-budget-warning" not in (await world.ask()).headers
