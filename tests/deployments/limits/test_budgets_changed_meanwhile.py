"""Tenants change while others wait for SQL, together with those that change."""

import pytest

from deployments.limits.ledger_protocol import Ask, Resource
from tests.deployments.limits.book_world import World, budget


def _asks(*names: str) -> list[tuple[str, Ask]]:
    return [("a", Ask(Resource("budget", name), 2.0)) for name in names]


def _known_while_read(world: World, monkeypatch, *tenants) -> None:
    """These are all tenants from the next reading of SQL on."""
    read = world.leases.read

    async def reading(pools):
        world.know(*tenants)
        return await read(pools)

    monkeypatch.setattr(world.leases, "read", reading)


@pytest.mark.parametrize("others", [(), (budget(None, id="gone"),)])
async def test_a_budget_that_ends_while_it_is_read_fails_nobody_beside_it(
    world, monkeypatch, others
):
    world.know(budget(id="gone"), budget(id="t"))
    _known_while_read(world, monkeypatch, budget(id="t"), *others)

    gone, stays = await world.book.lease(_asks("gone", "t"))

    assert gone is None
    assert stays.amount == 2.0
    assert [lease[1] for lease in await world.leases.all()] == ["t"]
