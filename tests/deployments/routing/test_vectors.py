"""Vectors are made once, kept and counted."""

import asyncio
import math

import numpy as np
import pytest

from deployments.routing.vectors import Vector, VectorCache, Vectors, stacked


class Maker:
    """Makes a vector of the text's length; keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, text: str, until: float = math.inf) -> Vector:
        self.asked.append(text)
        await asyncio.sleep(0)
        if text == "bad":
            raise ValueError("bad")
        return np.array([len(text)], np.float32)


async def test_a_known_text_is_a_hit_and_an_unknown_one_a_miss():
    make = Maker()
    vectors = Vectors(make, 10)
    await vectors.of(["a", "bb"])
    found = await vectors.of(["bb", "ccc", "a"])

    assert [vector[0] for vector in found] == [2, 3, 1]
    assert (vectors.hits, vectors.misses) == (2, 3)


async def test_what_is_under_way_is_made_once():
    make = Maker()
    vectors = Vectors(make, 10)
    await asyncio.gather(vectors.of(["a"]), vectors.of(["a", "a"]))

    assert make.asked == ["a"]
    assert (vectors.hits, vectors.misses) == (2, 1)


async def test_the_least_recently_used_goes_first_and_no_more_are_kept():
    make = Maker()
    vectors = Vectors(make, 2)
    for text in "abac":
        await vectors.of([text])
    await vectors.of(["a"])
    await vectors.of(["b"])

    assert make.asked == ["a", "b", "c", "b"]


async def test_a_failure_is_told_and_not_kept():
    make = Maker()
    vectors = Vectors(make, 10)
    for _ in range(2):
        [told] = await vectors.of(["bad"])
        assert isinstance(told, ValueError)

    assert make.asked == ["bad", "bad"]


async def test_a_failure_is_that_of_its_text_alone():
    vectors = Vectors(Maker(), 10)
    rows = stacked(await vectors.of(["a", "bad", "bb"]))

    assert rows[[0, 2]].tolist() == [[1], [2]]
    assert np.isnan(rows[1]).all()


async def test_where_there_is_no_vector_at_all_the_first_failure_is_told():
    vectors = Vectors(Maker(), 10)
    with pytest.raises(ValueError, match="bad"):
        stacked(await vectors.of(["bad", "bad"]))


async def test_who_waits_as_long_as_it_takes_is_not_told_that_it_was_too_late():
    make = Gated()
    vectors = Vectors(make, 10)
    hasty, patient = (
        asyncio.ensure_future(vectors.of(["a"], until)) for until in (1.0, math.inf)
    )
    await turns(2)
    make.gate.set()
    await asyncio.gather(hasty, patient)

    assert make.until == [1.0, math.inf]


class Gated(Maker):
    """A Maker that waits until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.made: list[str] = []
        self.until: list[float] = []

    async def __call__(self, text: str, until: float = math.inf) -> Vector:
        self.asked.append(text)
        self.until.append(until)
        await self.gate.wait()
        self.made.append(text)
        return np.array([len(text)], np.float32)


async def turns(n_turns: int) -> None:
    for _ in range(n_turns):
        await asyncio.sleep(0)


async def test_what_nobody_waits_for_any_more_is_not_made():
    make = Gated()
    vectors = Vectors(make, 10)
    first, second, third = (
        asyncio.ensure_future(vectors.of(texts))
        for texts in (["gone"], ["wanted", "gone"], ["wanted"])
    )
    await turns(2)
    first.cancel()
    second.cancel()
    await turns(2)
    make.gate.set()

    assert [vector[0] for vector in await third] == [len("wanted")]
    assert (make.asked, make.made) == (["gone", "wanted"], ["wanted"])


async def given_up(vectors: Vectors, n_turns: int) -> None:
    """The text "a" was asked for, and its caller left so many turns ago."""
    gone = asyncio.ensure_future(vectors.of(["a"]))
    await turns(2)
    gone.cancel()
    await turns(n_turns)


@pytest.mark.parametrize("n_turns", range(4))
async def test_a_text_that_was_given_up_is_made_for_who_asks_next(n_turns):
    make = Gated()
    vectors = Vectors(make, 10)
    await given_up(vectors, n_turns)
    make.gate.set()

    assert (await vectors.of(["a"]))[0][0] == 1
    assert (await vectors.of(["a"]))[0][0] == 1
    assert make.made == ["a"]


@pytest.mark.parametrize("n_turns", range(6))
async def test_what_was_given_up_takes_nothing_from_who_asked_since(n_turns):
    make = Gated()
    vectors = Vectors(make, 10)
    await given_up(vectors, n_turns)
    second = asyncio.ensure_future(vectors.of(["a"]))
    await turns(6)  # what was given up has ended
    third = asyncio.ensure_future(vectors.of(["a"]))
    await turns(2)
    make.gate.set()

    assert [found[0][0] for found in await asyncio.gather(second, third)] == [1, 1]
    assert make.made == ["a"]


def test_what_is_kept_does_not_keep_its_batch():
    cache = VectorCache(10)
    batch = np.ones((100, 4), np.float32)
    cache.put(b"key", batch[7])

    kept = cache.get(b"key")

    assert kept is not None
    assert kept.tolist() == [1, 1, 1, 1]
    assert not np.shares_memory(kept, batch)
