"""Simulated answers: repeatable, priced, faulty on request, and never in disguise."""

import json

import pytest

from deployments.errors import UpstreamError
from deployments.protocol.backend import Settlement
from tests.deployments.backends.simulated import request, simulator


async def streamed(**config: float) -> list[bytes | Settlement]:
    return [item async for item in simulator(**config).stream(request())]


async def test_an_answer_says_that_it_is_simulated_and_can_be_repeated():
    first = await simulator().complete(request())
    second = await simulator().complete(request())

    body = json.loads(first.body)
    content = body["choices"][0]["message"]["content"]
    assert content.startswith("[simulated gpt-x]")
    assert body["provider"] == "simulated"
    assert content == json.loads(second.body)["choices"][0]["message"]["content"]


async def test_the_cost_follows_the_price_table():
    settlement = (await simulator().complete(request(max_tokens=4))).settlement

    assert settlement.usage is not None
    assert settlement.usage.completion_tokens == 4
    expected = 0.001 * settlement.usage.prompt_tokens + 0.002 * 4
    assert settlement.cost_usd == pytest.approx(expected)
    assert settlement.cost_source == "price_table"


async def test_a_stream_says_the_same_as_the_whole_answer():
    *frames, settlement = await streamed()
    events = [json.loads(frame[6:]) for frame in frames]

    whole = json.loads((await simulator().complete(request())).body)
    text = "".join(e["choices"][0]["delta"].get("content", "") for e in events)
    assert text == whole["choices"][0]["message"]["content"]
    assert isinstance(settlement, Settlement)


@pytest.mark.parametrize("fault", ["error_rate", "cut_rate"])
async def test_planned_faults_happen(fault):
    with pytest.raises(UpstreamError):
        await streamed(**{fault: 1.0})
