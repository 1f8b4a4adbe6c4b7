"""A stream that has nothing to say, or breaks after its usage was told."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deployments.errors import UpstreamError
from deployments.protocol.backend import BackendRequest, Settlement, Usage
from serve_app.answering import correction
from tests.fakes import CATALOG, FIRST_EVENT, SETTLEMENT, ScriptedBackend, gateway
from tests.serve_app.answering.recorded import Records, call_of, streamed

CHARGED = Settlement(Usage(2, 300, 302), 0.5, "upstream", "P")


class Silent(ScriptedBackend):
    """Of `small` comes a settlement and no event."""

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        if request.model == "small":
            yield CHARGED
            return
        async for item in super().stream(request):
            yield item


@pytest.fixture(autouse=True)
def _setting(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")
    monkeypatch.setattr(correction, "_ASK_AFTER_S", (0.0,))


async def test_a_stream_without_an_event_is_no_answer_but_may_cost():
    records = Records()
    items = await streamed(Silent(), records)
    await asyncio.wait_for(records.are(2), timeout=10)

    assert items[-1] is SETTLEMENT
    first, corrected = records
    assert (first.status, first.model) == ("answered", "large")
    assert first.failures == ("small=upstream_error",)
    assert corrected.failed_cost_usd == 0.5


async def test_a_stream_that_breaks_costs_what_its_upstream_had_said():
    records = Records()
    error = UpstreamError("cut")
    error.settlement = CHARGED
    with pytest.raises(UpstreamError):
        await streamed(ScriptedBackend(cut=error), records)

    (record,) = records
    assert (record.status, record.error) == ("failed", "upstream_error")
    assert (record.prompt_tokens, record.completion_tokens) == (2, 300)
    assert (record.cost_usd, record.cost_source) == (0.5, "upstream")


async def test_a_stream_is_read_to_its_end_with_an_event_or_without():
    ends = []

    class Watched(Silent):
        async def stream(
            self, request: BackendRequest
        ) -> AsyncIterator[bytes | Settlement]:
            try:
                async for item in super().stream(request):
                    yield item
                ends.append(request.model)
            except GeneratorExit:  # as if the client had left
                ends.append(f"{request.model} was cut")
                raise

    await streamed(Watched(), Records())

    assert ends == ["small", "large"]


class Paused(ScriptedBackend):
    """Waits between its events, and may leave its settlement out."""

    settles = True

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        async for item in super().stream(request):
            if isinstance(item, bytes) or self.settles:
                yield item
            await asyncio.sleep(0)


async def test_after_its_first_event_a_stream_has_the_time_between_two(monkeypatch):
    monkeypatch.setattr("serve_app.answering.streamed.GRACE_S", 0.0)
    moment = {"connect_s": 1e-9, "first_token_s": 1e-9}
    models = [{**spec, "timeouts": moment} for spec in CATALOG]
    made = gateway(backend=Paused(), catalog={"models": models})
    started = await made.completions.start_stream(call_of(made, stream=True))

    assert [item async for item in started.frames][-1] is SETTLEMENT


async def test_who_reads_slowly_makes_no_backend_late(monkeypatch):
    monkeypatch.setattr("serve_app.answering.streamed.GRACE_S", 0.0)
    limits = {"connect_s": 1e-9, "between_tokens_s": 0.1, "total_s": 0.1}
    models = [{**spec, "timeouts": limits} for spec in CATALOG]
    made = gateway(backend=Paused(), catalog={"models": models})
    started = await made.completions.start_stream(call_of(made, stream=True))

    items = []
    async for item in started.frames:
        items.append(item)
        await asyncio.sleep(0.15)
    assert items[-1] is SETTLEMENT


async def test_a_stream_that_ends_without_its_settlement_is_an_error():
    records, backend = Records(), Paused()
    backend.settles = False
    with pytest.raises(UpstreamError, match="ended without its usage"):
        await streamed(backend, records)

    assert (records[0].status, records[0].completion_tokens) == ("failed", 1)


async def test_of_a_stream_that_breaks_all_that_came_counts():
    class Breaking(ScriptedBackend):
        async def stream(self, request: BackendRequest) -> AsyncIterator[bytes]:
            for _ in range(3):
                yield FIRST_EVENT
            raise UpstreamError("cut")

    records = Records()
    with pytest.raises(UpstreamError):
        await streamed(Breaking(), records)

    assert records[0].completion_tokens == 3


class Stuck(ScriptedBackend):
    """Of `small` nothing comes any more, after so many events."""

    def __init__(self, events: int) -> None:
        super().__init__()
        self._events = events

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        if request.model == "small":
            for _ in range(self._events):
                yield FIRST_EVENT
            await asyncio.Event().wait()
        async for item in super().stream(request):
            yield item


async def stuck(monkeypatch, events: int, **timeouts: float) -> Records:
    """The records of a stream of a backend that keeps not even its own timeouts."""
    monkeypatch.setattr("serve_app.answering.streamed.GRACE_S", 0.0)
    limits = {"connect_s": 1e-9, **timeouts}
    models = [{**spec, "timeouts": limits} for spec in CATALOG]
    records = Records()
    made = gateway(backend=Stuck(events), sink=records, catalog={"models": models})
    async with asyncio.timeout(10):
        started = await made.completions.start_stream(call_of(made, stream=True))
        async for _ in started.frames:
            pass
    return records


async def test_a_backend_that_begins_no_stream_is_given_up_for_another(monkeypatch):
    (record,) = await stuck(monkeypatch, 0, first_token_s=0.01)

    assert (record.status, record.model) == ("answered", "large")
    assert record.failures == ("small=stuck",)


@pytest.mark.parametrize("limit", ["between_tokens_s", "total_s"])
async def test_a_backend_that_goes_silent_in_a_stream_fails_it(monkeypatch, limit):
    with pytest.raises(UpstreamError, match="fake does not answer") as raised:
        await stuck(monkeypatch, 2, **{limit: 0.01})

    assert raised.value.code == "stuck"
