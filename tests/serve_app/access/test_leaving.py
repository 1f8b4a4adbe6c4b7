"""What is settled when an answer ends in its middle."""

import asyncio

import pytest

from deployments.errors import UpstreamError
from deployments.limits.ledger_protocol import Resource
from serve_app.access.request_size import PromptSize
from tests.fakes import FIRST_EVENT, ScriptedBackend
from tests.serve_app.access.limited_tenant import BUDGET, World

TPM = Resource("tpm", "t")


class Hanging(ScriptedBackend):
    """Sends one event, then nothing more."""

    async def stream(self, request):
        yield FIRST_EVENT
        await asyncio.sleep(3600)


async def left(world: World, **body: object) -> int:
    """A client reads one event and leaves; the tokens of its prompt."""
    call = await world.call(stream=True, **body)
    started = await world.gateway.completions.start_stream(call)
    assert await anext(started.frames) == FIRST_EVENT
    await started.frames.aclose()  # type: ignore[attr-defined]
    return call.plan.prompt.tokens


async def test_who_leaves_a_stream_has_spent_what_had_come_of_it():
    world = World(Hanging(), max_budget=8.0)
    await left(world, model="other", max_tokens=10)  # 0.1 is reserved of a slice of 1

    assert world.reserved(BUDGET) == 0
    assert world.holdings.of(BUDGET).part.free == pytest.approx(0.99)


async def test_who_leaves_a_stream_has_used_the_tokens_that_had_come():
    world = World(Hanging(), tpm_limit=1000)
    prompt_tokens = await left(world, max_tokens=10)
    await world.holdings.give_back_idle()
    rest = 1000 - prompt_tokens - 1

    assert await world.holdings.reserve(TPM, rest + 1) is None
    assert await world.holdings.reserve(TPM, rest) is not None


async def test_of_a_stream_that_breaks_what_had_come_is_spent():
    world = World(ScriptedBackend(cut=UpstreamError("cut")), max_budget=8.0)
    await world.ask(model="other", stream=True, max_tokens=10)

    assert world.reserved(BUDGET) == 0
    assert world.holdings.of(BUDGET).part.free == pytest.approx(0.99)


async def test_who_leaves_before_texts_are_embedded_has_used_their_tokens():
    world = World(tpm_limit=100, max_parallel_requests=1)
    tenant = world.gateway.directory.authenticate("Bearer k")
    begun = asyncio.Event()

    async def read() -> None:
        async with world.gateway.reading(tenant, PromptSize((), n_tokens=80)):
            begun.set()
            await asyncio.sleep(3600)

    reading = asyncio.create_task(read())
    await begun.wait()
    assert world.reserved() == 1
    reading.cancel()
    await asyncio.wait({reading})
    await world.holdings.give_back_idle()

    assert world.reserved() == 0
    assert await world.holdings.reserve(TPM, 21) is None
    assert await world.holdings.reserve(TPM, 20) is not None
