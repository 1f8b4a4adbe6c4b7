"""The usage record of each way in which a request can end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from artifacts.policy import RoutingDecision, Shadow
from deployments.errors import InvalidRequest, UpstreamError
from deployments.protocol.backend import BackendRequest, Ending, Item, Settlement
from deployments.protocol.routing import RouteQuery, Routes
from deployments.usage.record import UsageRecord
from serve_app.answering.correction import Corrections
from serve_app.answering.metering import Meter
from tests.fakes import (
    CATALOG,
    FIRST_EVENT,
    SETTLEMENT,
    FixedRouter,
    ScriptedBackend,
    gateway,
)
from tests.serve_app.answering.recorded import Records, call_of, streamed


class Hanging(ScriptedBackend):
    """Sends one event, then nothing more."""

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        yield FIRST_EVENT
        await asyncio.sleep(3600)


@pytest.fixture(autouse=True)
def _setting(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")


class Shadowing(FixedRouter):
    """Decides for `small`, and says what a second artifact would have."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        routes = await super().route(queries)
        shadow = Shadow("second", self._model, 0.1, agrees=self._model == "small")
        (decision,) = routes.decisions
        assert isinstance(decision, RoutingDecision)
        return replace(routes, decisions=(replace(decision, shadow=shadow),))


async def shadowed(
    model: str, backend: ScriptedBackend | None = None, price: object = None
) -> UsageRecord:
    """The record of an answer of 2 + 3 tokens beside which `model` is decided for."""
    records = Records()
    catalog = [{**spec, "price": price or {}} for spec in CATALOG]
    made = gateway(Shadowing(model), backend, records, catalog={"models": catalog})
    await made.completions.complete(call_of(made))
    return records[0]


async def test_an_answer_is_recorded_once_with_what_it_used():
    records = Records()
    made = gateway(sink=records)
    await made.completions.complete(call_of(made))

    (record,) = records
    assert (record.status, record.model, record.tenant) == ("answered", "small", "t")
    assert (record.prompt_tokens, record.completion_tokens) == (2, 3)
    assert (record.cost_usd, record.cost_source) == (0.25, "upstream")
    assert record.requested_model == "auto"
    assert record.artifact_id == "0123456789abcdef"
    assert (record.clusters, record.similarity) == ((4, 2), 0.75)
    assert not record.out_of_distribution
    assert b"the prompt" not in record.to_json()


async def test_a_stream_is_recorded_once_when_it_ends():
    records = Records()
    items = await streamed(ScriptedBackend(), records)

    assert items[-1] is SETTLEMENT
    (record,) = records
    assert (record.status, record.stream, record.cost_usd) == ("answered", True, 0.25)
    assert record.first_byte_s is not None


async def test_models_that_failed_before_are_in_the_record():
    records = Records()
    await streamed(ScriptedBackend({"small": UpstreamError("down")}), records)

    (record,) = records
    assert (record.model, record.failures) == ("large", ("small=upstream_error",))


async def test_a_request_that_nobody_answered_is_recorded_as_failed():
    records = Records()
    made = gateway(
        backend=ScriptedBackend({"small": InvalidRequest("no", code="bad")}),
        sink=records,
    )
    with pytest.raises(InvalidRequest):
        await made.completions.complete(call_of(made))

    (record,) = records
    assert (record.status, record.error, record.model) == ("failed", "bad", None)
    assert record.cost_usd is None


async def test_a_client_that_leaves_a_stream_is_recorded_as_cancelled():
    records = Records()
    made = gateway(backend=Hanging(), sink=records)
    started = await made.completions.start_stream(call_of(made, stream=True))
    assert await anext(started.frames) == FIRST_EVENT
    await started.frames.aclose()  # type: ignore[attr-defined]

    (record,) = records
    assert (record.status, record.error) == ("cancelled", None)
    assert record.completion_tokens == 1


async def test_a_client_that_leaves_during_the_last_frame_has_its_whole_answer():
    class EndsAtOnce(ScriptedBackend):
        async def stream(self, request: BackendRequest) -> AsyncIterator[Item]:
            yield FIRST_EVENT
            yield Ending(b"data: {}\n\n", SETTLEMENT)

    records = Records()
    made = gateway(backend=EndsAtOnce(), sink=records)
    started = await made.completions.start_stream(call_of(made, stream=True))
    assert await anext(started.frames) == FIRST_EVENT
    assert await anext(started.frames) == Ending(b"data: {}\n\n", SETTLEMENT)
    await started.frames.aclose()  # type: ignore[attr-defined]

    (record,) = records
    assert (record.status, record.cost_usd) == ("answered", SETTLEMENT.cost_usd)


async def test_a_client_that_leaves_before_the_first_byte_is_recorded():
    class Slow(ScriptedBackend):
        async def complete(self, request):
            await asyncio.sleep(3600)

    records = Records()
    made = gateway(backend=Slow(), sink=records)
    task = asyncio.ensure_future(made.completions.complete(call_of(made)))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})

    (record,) = records
    assert (record.status, record.model) == ("cancelled", None)


async def test_a_disk_that_refuses_a_record_is_no_error_of_the_client(caplog):
    class Full:
        def append(self, record: UsageRecord) -> None:
            raise OSError(28, "No space left on device")

        def check(self) -> None:
            pass

    made = gateway(sink=Full())
    await made.completions.complete(call_of(made))

    assert "No space left on device" in caplog.text


PRICE = {"input_usd_per_token": 1.0, "output_usd_per_token": 10.0}


async def test_a_shadow_that_agrees_would_have_cost_the_same():
    record = await shadowed("small", price=PRICE)

    assert (record.shadow_artifact_id, record.shadow_model) == ("second", "small")
    assert (record.shadow_agrees, record.shadow_cost_usd) == (True, 0.25)


async def test_a_shadow_that_does_not_costs_its_price_for_the_same_tokens():
    record = await shadowed("other", price=PRICE)

    assert (record.shadow_model, record.shadow_agrees) == ("other", False)
    assert (record.cost_usd, record.shadow_cost_usd) == (0.25, 32.0)


async def test_what_a_shadow_would_have_cost_may_be_unknown():
    unpriced = await shadowed("other")
    down = ScriptedBackend({"small": UpstreamError("down")})
    of_a_fallback = await shadowed("small", down, PRICE)

    assert (unpriced.shadow_agrees, unpriced.shadow_cost_usd) == (False, None)
    assert of_a_fallback.model == "large"
    assert (of_a_fallback.shadow_agrees, of_a_fallback.shadow_cost_usd) == (True, None)


@pytest.mark.parametrize(
    ("cost_usd", "reserved_usd", "times"), [(0.25, 0.0, 0), (None, 4.0, 1)]
)
async def test_the_worst_case_is_reckoned_only_where_the_cost_stays_unknown(
    cost_usd, reserved_usd, times
):
    asked = []
    records = Records()
    call = call_of(gateway())
    meter = Meter(records, call.plan, call.chat, "req-1", corrections=Corrections())
    meter.reserved(lambda: asked.append(1) or 4.0)
    meter.answered(replace(SETTLEMENT, cost_usd=cost_usd), (), None)

    assert (records[0].reserved_usd, len(asked)) == (reserved_usd, times)


async def test_a_request_that_nobody_answered_holds_nothing_of_the_budget():
    records = Records()
    call = call_of(gateway())
    meter = Meter(records, call.plan, call.chat, "req-1", corrections=Corrections())
    meter.reserved(lambda: 4.0)
    meter.failed(UpstreamError("down"), ())

    assert (records[0].cost_usd, records[0].reserved_usd) == (None, 0.0)
