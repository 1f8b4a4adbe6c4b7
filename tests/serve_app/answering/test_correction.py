"""What upstreams say later that an answer, or a failure before it, has cost."""

import asyncio
from dataclasses import replace

import pytest

from deployments.errors import UpstreamError, mark_generation
from deployments.protocol.backend import Settlement, Usage
from deployments.usage.record import charged_usd
from serve_app.answering import correction
from serve_app.answering.config import RetryPolicy
from serve_app.answering.metering import Meter
from tests.fakes import ScriptedBackend, gateway
from tests.serve_app.answering.recorded import Records, call_of, streamed

CHARGED = Settlement(Usage(7, 8, 15), 0.125, "upstream", "Test")
SO_FAR = Settlement(Usage(1, 1, 2), 0.5, "estimated")


@pytest.fixture(autouse=True)
def _setting(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")
    monkeypatch.setattr(correction, "_ASK_AFTER_S", (0.0, 0.0))
    monkeypatch.setattr(correction, "_ASK_LATE_AFTER_S", (0.0,))


def charging(*models: str, kind: type[ScriptedBackend] = ScriptedBackend):
    """A backend whose `models` fail, and are charged for all the same."""
    down = UpstreamError("cut")
    down.generation_id = "gen-failed"
    backend = kind(dict.fromkeys(models, down))
    backend.charged = CHARGED
    return backend


def metered(records: Records, told: list[float]) -> Meter:
    """Of one request; `told`: by how much each correction changes what it has cost."""
    call = call_of(gateway())
    return Meter(
        records,
        call.plan,
        call.chat,
        "req-1",
        corrections=correction.Corrections(),
        on_correction=lambda _, by_usd: told.append(by_usd),
    )


async def settled(records: Records, n: int) -> None:
    """Wait until there are so many."""
    await asyncio.wait_for(records.are(n), timeout=10)


async def test_a_stream_that_breaks_is_recorded_with_what_came_then_as_charged():
    records = Records()
    backend = ScriptedBackend(cut=UpstreamError("It broke."))
    backend.charged = CHARGED
    with pytest.raises(UpstreamError):
        await streamed(backend, records)
    await settled(records, 2)

    first, corrected = records
    assert (first.status, first.error) == ("failed", "upstream_error")
    assert first.completion_tokens == 1
    assert first.cost_source == "unknown", "the model has no price"
    assert (corrected.id, corrected.revision) == (first.id, 1)
    assert (corrected.cost_usd, corrected.cost_source) == (0.125, "upstream")


async def test_what_a_model_that_failed_was_charged_is_added():
    records = Records()
    made = gateway(backend=charging("small"), sink=records)
    await made.completions.complete(call_of(made))
    await settled(records, 2)

    first, corrected = records
    assert (first.cost_usd, first.failed_cost_usd) == (0.25, 0.0)
    assert (corrected.cost_usd, corrected.failed_cost_usd) == (0.375, 0.125)
    assert corrected.status == "answered"


async def test_a_request_that_failed_has_cost_what_its_upstreams_charged():
    records = Records()
    made = gateway(backend=charging("small", "large"), sink=records)
    with pytest.raises(UpstreamError):
        await made.completions.complete(call_of(made))
    await settled(records, 2)

    assert records[0].cost_usd is None
    assert records[1].cost_usd == 0.25
    assert records[1].cost_source == "upstream"


TABLE = Settlement(Usage(7, 8, 15), 0.125, "price_table")


def priced(*models: str, generation_id: str | None = None) -> ScriptedBackend:
    """A backend whose `models` fail when they have used tokens of a known price."""
    empty = UpstreamError("The upstream's answer is empty.")
    empty.settlement, empty.generation_id = TABLE, generation_id
    return ScriptedBackend(dict.fromkeys(models, empty))


async def test_what_a_model_that_failed_used_counts_by_the_price_table():
    records = Records()
    made = gateway(backend=priced("small"), sink=records)
    await made.completions.complete(call_of(made))
    await settled(records, 2)

    corrected = records[1]
    assert (corrected.cost_usd, corrected.failed_cost_usd) == (0.375, 0.125)
    assert (corrected.status, corrected.cost_source) == ("answered", "upstream")


async def test_a_request_that_failed_says_that_its_cost_is_of_the_price_table():
    records = Records()
    made = gateway(backend=priced("small", "large"), sink=records)
    with pytest.raises(UpstreamError):
        await made.completions.complete(call_of(made))
    await settled(records, 2)

    assert (records[1].cost_usd, records[1].cost_source) == (0.25, "price_table")


async def test_an_upstream_that_can_be_asked_is_asked_before_the_price_table():
    records = Records()
    backend = priced("small", generation_id="gen-failed")
    backend.charged = Settlement(Usage(7, 8, 15), 0.5, "upstream")
    made = gateway(backend=backend, sink=records)
    await made.completions.complete(call_of(made))
    await settled(records, 2)

    assert records[1].failed_cost_usd == 0.5


async def test_what_is_unknown_stays_so_when_a_model_before_it_was_charged():
    class SlowSecond(ScriptedBackend):
        async def complete(self, request):
            if request.model == "large":
                await asyncio.sleep(3600)
            return await super().complete(request)

    records = Records()
    made = gateway(backend=charging("small", kind=SlowSecond), sink=records)
    task = asyncio.ensure_future(made.completions.complete(call_of(made)))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    await settled(records, 2)

    corrected = records[1]
    assert (corrected.status, corrected.model) == ("cancelled", None)
    assert (corrected.cost_usd, corrected.failed_cost_usd) == (None, 0.125)
    assert corrected.cost_source == "unknown"
    more_usd = charged_usd(corrected) - charged_usd(records[0])
    assert more_usd == pytest.approx(0.125), "that much is known, whatever the rest is"


async def test_who_leaves_while_no_model_is_at_work_has_cost_what_failed_before(caplog):
    """The only model has failed, and is to be asked again after a pause."""
    records = Records()
    made = gateway(backend=charging("small"), sink=records)
    made.completions._retries = RetryPolicy(backoff_s=3.0)
    answer = made.completions.complete(call_of(made, model="small"))
    task = asyncio.ensure_future(answer)
    while "model small failed" not in caplog.text:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait({task})
    await settled(records, 2)

    left, corrected = records
    assert (left.status, left.cost_usd) == ("cancelled", None)
    assert (corrected.cost_usd, corrected.failed_cost_usd) == (0.125, 0.125)
    assert corrected.cost_source == "upstream"


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_client_that_leaves_before_the_first_byte_is_charged(stream):
    class Begun(ScriptedBackend):
        async def complete(self, request):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError as error:
                mark_generation(error, "gen-1")
                raise

        async def stream(self, request):
            yield await self.complete(request)

    records = Records()
    backend = Begun()
    backend.charged = CHARGED
    made = gateway(backend=backend, sink=records)
    call = call_of(made, stream=stream)
    answer = made.completions.start_stream if stream else made.completions.complete
    task = asyncio.ensure_future(answer(call))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    await settled(records, 2)

    first, corrected = records
    assert (first.status, first.cost_usd) == ("cancelled", None)
    assert (corrected.cost_usd, corrected.cost_source) == (0.125, "upstream")


async def test_what_a_client_is_charged_that_leaves_as_the_stream_begins():
    records = Records()
    backend = ScriptedBackend()
    backend.charged = CHARGED
    made = gateway(backend=backend, sink=records)
    started = await made.completions.start_stream(call_of(made, stream=True))
    await started.frames.aclose()  # nothing of it was read
    await settled(records, 2)

    first, corrected = records
    assert (first.status, first.completion_tokens) == ("cancelled", 1)
    assert (corrected.cost_usd, corrected.cost_source) == (0.125, "upstream")


async def test_what_is_told_only_minutes_later_is_recorded_as_well():
    """Many providers cannot be stopped: they write on when the client is gone."""

    class Late(ScriptedBackend):
        async def settle(self, request, generation_id):
            self.requests.append(request)
            return CHARGED if len(self.requests) > 3 else None

    records, backend = Records(), Late()
    made = gateway(backend=backend, sink=records)
    started = await made.completions.start_stream(call_of(made, stream=True))
    await started.frames.aclose()
    await settled(records, 2)

    corrected = records[1]
    assert (corrected.status, corrected.revision) == ("cancelled", 1)
    assert (corrected.cost_usd, corrected.cost_source) == (0.125, "upstream")
    answer, *asked = backend.requests
    assert asked == [replace(answer, body=b"")] * 3, "no prompt is kept so long"


async def test_what_is_known_soon_does_not_wait_for_what_is_told_late():
    async def soon() -> Settlement:
        return CHARGED

    async def late() -> Settlement | None:
        return answers.pop(0)

    answers, records, told = [None, None, CHARGED], Records(), []
    meter = metered(records, told)
    meter.owes(soon)
    meter.broke_off((), SO_FAR, error=None, ask=late)
    await settled(records, 3)

    assert [(each.revision, each.cost_usd) for each in records] == [
        (0, 0.5),
        (1, 0.625),
        (2, 0.25),
    ]
    assert told == [0.125, -0.375]


async def test_an_upstream_that_never_says_is_warned_of_and_changes_nothing(caplog):
    async def says_nothing() -> None:
        raise UpstreamError("down")

    records = Records()
    made = gateway(sink=records)
    await made.completions.complete(call_of(made))
    (record,) = records

    charges = correction.Charges(says_nothing, ())
    while charges.worth_asking:
        await charges.ask()

    assert charges.corrected(record, None) == record
    assert "does not say what an answer that failed has cost" in caplog.text


async def test_an_answer_that_broke_off_costs_no_less_for_what_failed_before_it():
    async def charged() -> Settlement:
        return CHARGED

    records = Records()
    with pytest.raises(UpstreamError):
        await streamed(ScriptedBackend(cut=UpstreamError("cut")), records)
    record = replace(records[0], cost_usd=None, cost_source="unknown")
    charges = correction.Charges(None, [charged])
    await charges.ask()
    corrected = charges.corrected(record, None)

    assert (corrected.cost_usd, corrected.failed_cost_usd) == (None, 0.125)


async def test_an_upstream_that_does_not_answer_is_asked_again():
    answers = [UpstreamError("down"), CHARGED]

    async def second_time() -> Settlement:
        answer = answers.pop(0)
        if isinstance(answer, UpstreamError):
            raise answer
        return answer

    records = Records()
    made = gateway(sink=records)
    await made.completions.complete(call_of(made))
    charges = correction.Charges(second_time, ())
    await charges.ask()
    corrected = charges.corrected(records[0], None)

    assert (corrected.cost_usd, corrected.prompt_tokens) == (0.125, 7)


async def test_what_is_held_of_the_budget_changes_by_what_is_known_better():
    async def charged() -> Settlement:
        return CHARGED

    records, told = Records(), []
    meter = metered(records, told)
    meter.broke_off((), SO_FAR, error=None, ask=charged)
    await settled(records, 2)

    assert told == [-0.375]
