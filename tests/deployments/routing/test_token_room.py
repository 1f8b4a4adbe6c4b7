"""What an engine is given at a time: in the order in which it came, and no more."""

import asyncio
from contextlib import suppress

import pytest

from deployments.routing.token_room import TokenRoom


class Texts:
    """Each goes in under its name, and stays until it is told to leave."""

    def __init__(self, room: TokenRoom) -> None:
        self._room = room
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.inside: list[str] = []

    async def come(self, name: str, tokens: int, within_s: float = 3600) -> None:
        self._leave[name] = asyncio.Event()
        until = asyncio.get_running_loop().time() + within_s
        self.tasks[name] = asyncio.ensure_future(self._stay(name, tokens, until))
        await settled()

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await settled()

    async def cancel(self, name: str) -> None:
        self.tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self.tasks[name]
        await settled()

    async def _stay(self, name: str, tokens: int, until: float) -> None:
        async with self._room.taken(tokens, until):
            self.inside.append(name)
            try:
                await self._leave[name].wait()
            finally:
                self.inside.remove(name)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_next_waits_until_there_is_room_for_it():
    texts = Texts(TokenRoom(10))
    for name in "abc":
        await texts.come(name, 5)

    assert texts.inside == ["a", "b"]
    await texts.leave("b")
    assert texts.inside == ["a", "c"]


async def test_nobody_overtakes_who_came_before():
    texts = Texts(TokenRoom(10))
    await texts.come("a", 6)
    await texts.come("large", 8)
    await texts.come("small", 1)

    assert texts.inside == ["a"]
    await texts.leave("a")
    assert texts.inside == ["large", "small"]


async def test_one_that_is_larger_than_the_room_goes_in_alone():
    texts = Texts(TokenRoom(10))
    await texts.come("a", 1)
    await texts.come("larger", 100)
    assert texts.inside == ["a"]

    await texts.leave("a")
    await texts.come("b", 1)
    assert texts.inside == ["larger"]

    await texts.leave("larger")
    assert texts.inside == ["b"]


async def test_who_waits_too_long_gives_up_and_lets_those_behind_in():
    texts = Texts(TokenRoom(10))
    await texts.come("a", 6)
    await texts.come("large", 8, within_s=0.01)
    await texts.come("small", 1)

    with pytest.raises(TimeoutError):
        await texts.tasks["large"]
    await settled()
    assert texts.inside == ["a", "small"]


async def test_who_comes_too_late_is_not_let_in_though_there_is_room():
    texts = Texts(TokenRoom(10))
    await texts.come("late", 1, within_s=-1)

    with pytest.raises(TimeoutError):
        await texts.tasks["late"]
    await texts.come("a", 10)
    assert texts.inside == ["a"]


async def test_who_leaves_while_waiting_takes_no_room():
    texts = Texts(TokenRoom(10))
    await texts.come("a", 10)
    await texts.come("b", 10)
    await texts.come("c", 10)
    await texts.cancel("b")

    await texts.leave("a")
    assert texts.inside == ["c"]


async def test_who_leaves_when_just_let_in_gives_the_room_back():
    texts = Texts(TokenRoom(10))
    await texts.come("a", 10)
    await texts.come("b", 10)
    texts.tasks["a"].cancel()
    await asyncio.sleep(0)  # its room has been given to b, who has not run since
    await texts.cancel("b")

    await texts.come("c", 10)
    assert texts.inside == ["c"]


async def test_who_is_cancelled_inside_makes_room():
    texts = Texts(TokenRoom(10))
    await texts.come("a", 10)
    await texts.come("b", 10)
    await texts.cancel("a")

    assert texts.inside == ["b"]


async def test_without_a_bound_all_go_in():
    texts = Texts(TokenRoom())
    for number in range(50):
        await texts.come(str(number), 1000)

    assert len(texts.inside) == 50
