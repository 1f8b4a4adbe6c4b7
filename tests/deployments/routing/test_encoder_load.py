"""What an Embedder tells Serve of its encoder's work."""

import asyncio

import pytest

from deployments.routing.encoder_load import EncoderLoad


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def done(answer: str = "row") -> str:
    return answer


async def test_what_was_encoded_is_told_once_by_the_second(clock):
    load = EncoderLoad(clock)
    assert await load.through(30, done("a row")) == "a row"
    await load.through(50, done())

    clock.now += 4
    assert load.told() == {"queued_tokens": 0, "tokens_per_s": 20}
    clock.now += 4
    assert load.told() == {"queued_tokens": 0, "tokens_per_s": 0}


async def test_a_text_waits_until_its_vector_is_there(clock):
    load, encoded = EncoderLoad(clock), asyncio.Event()
    waiting = [asyncio.ensure_future(load.through(7, encoded.wait())) for _ in range(3)]
    await asyncio.sleep(0)
    assert load.told()["queued_tokens"] == 21

    encoded.set()
    await asyncio.gather(*waiting)
    clock.now += 1
    assert load.told() == {"queued_tokens": 0, "tokens_per_s": 21}


async def test_what_is_given_up_or_fails_waits_no_longer_and_was_not_encoded(clock):
    load = EncoderLoad(clock)
    given_up = asyncio.ensure_future(load.through(9, asyncio.Event().wait()))
    await asyncio.sleep(0)
    given_up.cancel()
    failing: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    failing.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await load.through(5, failing)

    await asyncio.wait([given_up])
    clock.now += 1
    assert load.told() == {"queued_tokens": 0, "tokens_per_s": 0}


async def test_asked_again_at_once_it_tells_the_same_and_forgets_nothing(clock):
    load = EncoderLoad(clock)
    await load.through(40, done())
    clock.now += 2
    load.told()
    await load.through(30, done())

    clock.now += 0.1
    assert load.told()["tokens_per_s"] == 20
    clock.now += 0.9
    assert load.told()["tokens_per_s"] == 30


async def test_it_is_silent_where_nothing_came_for_long_of_what_was_asked_for(clock):
    load, encoded = EncoderLoad(clock), asyncio.Event()
    clock.now += 3600
    assert not load.silent  # nobody asks

    waiting = asyncio.ensure_future(load.through(7, encoded.wait()))
    await asyncio.sleep(0)
    clock.now += 9
    assert not load.silent
    clock.now += 2
    assert load.silent

    encoded.set()
    await waiting
    clock.now += 3600
    assert not load.silent


async def test_silence_outlasts_those_who_asked(clock):
    load = EncoderLoad(clock)
    given_up = asyncio.ensure_future(load.through(9, asyncio.Event().wait()))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])

    clock.now += 11
    assert load.silent
    await load.through(1, done())
    assert not load.silent


async def test_an_encoder_that_works_on_while_others_wait_is_not_silent(clock):
    load, encoded = EncoderLoad(clock), asyncio.Event()
    waiting = asyncio.ensure_future(load.through(7, encoded.wait()))
    await asyncio.sleep(0)
    for _ in range(5):
        clock.now += 9
        await load.through(3, done())
        assert not load.silent

    clock.now += 11
    assert load.silent
    encoded.set()
    await waiting
