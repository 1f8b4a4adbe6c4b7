"""Which leases a replica looks at every second, and which it forgets."""

from deployments.limits.ledger_protocol import IDLE_S
from serve_app.access.holdings import Holdings
from tests.serve_app.access.held import BUDGET, taken

KEPT_S = 60.0  # of a budget that is not short


async def test_of_ten_thousand_tenants_those_that_lie_still_are_not_looked_at(
    ledger, clock
):
    holdings = Holdings("a", ledger, clock)
    holdings.settle(await taken(holdings, BUDGET, 0.5), used=0.0)
    clock.now += 1
    await holdings.give_back_idle(reported_until=clock.now - 1)

    assert holdings._watched._active == {}
    assert ledger.leased(BUDGET) == 1.0


async def test_what_lay_still_for_long_goes_back(ledger, clock):
    holdings = Holdings("a", ledger, clock)
    for _ in range(2):
        holdings.settle(await taken(holdings, BUDGET, 0.5), used=0.0)
        clock.now += 1
        await holdings.give_back_idle(reported_until=clock.now - 1)
    clock.now += KEPT_S - 2
    await holdings.give_back_idle(reported_until=clock.now - 1)
    assert ledger.leased(BUDGET) == 1.0

    clock.now += 2
    await holdings.give_back_idle(reported_until=clock.now - 1)
    assert ledger.leased(BUDGET) == 0


async def test_what_is_drawn_on_now_and_then_is_asked_for_once(ledger, clock):
    holdings = Holdings("a", ledger, clock)
    for _ in range(9):
        holdings.settle(await taken(holdings, BUDGET, 0.5), used=0.0)
        for _ in range(2):
            clock.now += KEPT_S / 3
            await holdings.give_back_idle(reported_until=clock.now - 1)

    assert len(ledger.asks) == 1


async def test_what_is_in_doubt_does_not_lie_still(ledger, clock):
    holdings = Holdings("a", ledger, clock)
    holdings.settle(await taken(holdings, BUDGET, 0.5), used=0.0)
    holdings.doubt(reported_until=0.0)
    clock.now += IDLE_S
    await holdings.give_back_idle(reported_until=clock.now)

    assert [back.rest for back in ledger.returns] == [True]
    assert ledger.leased(BUDGET) == 0


async def test_what_was_drawn_on_again_is_kept(ledger, clock):
    holdings = Holdings("a", ledger, clock)
    for _ in range(3):
        # All of it: what is short goes back at once, and nothing is left to rest.
        holdings.settle(await taken(holdings, BUDGET, 8.0), used=0.0)
        held = holdings.of(BUDGET)
        for _ in range(5):
            clock.now += 20
            await holdings.give_back_idle(reported_until=clock.now - 1)
    assert holdings.of(BUDGET) is held

    for _ in range(3):
        clock.now += 100
        await holdings.give_back_idle(reported_until=clock.now - 1)
    assert holdings._held == {}
