"""What is settled when an answer ends in its middle."""

import asyncio

import pytest

from deployments.errors import UpstreamError
from deployments.limits.ledger_protocol import Resource
from deployments.protocol.backend import Settlement, Usage
from serve_app.access.request_size import PromptSize
from serve_app.answering import correction
from serve_app.answering.call import BackendPort
from tests.fakes import FIRST_EVENT, ScriptedBackend
from tests.serve_app.access.limited_tenant import BUDGET, World
from tests.serve_app.answering.recorded import Records

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


class Telling(Hanging):
    """Says what an answer was charged once that is known, if ever."""

    def __init__(self, charged: Settlement | None) -> None:
        super().__init__()
        self.charged = charged
        self.known = asyncio.Event()

    async def settle(self, request, generation_id):
        await self.known.wait()
        return self.charged


@pytest.mark.parametrize(
    ("charged", "rest"),
    [(Settlement(Usage(1, 10, 11), 0.1, "upstream"), 0.9), (None, 0.99)],
)
async def test_what_is_reserved_for_an_answer_is_held_until_its_cost_is_told(
    monkeypatch, charged, rest
):
    """Else who leaves one stream after the other would have all that they cost."""
    monkeypatch.setattr(correction, "_ASK_AFTER_S", (0.0,))
    monkeypatch.setattr(correction, "_ASK_LATE_AFTER_S", (0.0,))
    backend = Telling(charged)
    world = World(backend, max_budget=8.0)
    port = BackendPort("fake", backend, tells_costs=True)
    world.gateway._backends = {"fake": port}
    world.gateway.completions._sink = Records()
    await left(world, model="other", max_tokens=10)

    assert world.reserved(BUDGET) == pytest.approx(0.1)
    backend.known.set()
    async with asyncio.timeout(10):
        while world.reserved(BUDGET):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert world.holdings.of(BUDGET).part.free == pytest.approx(rest)


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
