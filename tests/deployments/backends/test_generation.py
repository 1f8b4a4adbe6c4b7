"""What OpenRouter says later of what an answer was charged."""

import httpx
import pytest

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import OpenRouterBackend, UpstreamConfig
from deployments.protocol.backend import Settlement, Usage
from tests.deployments.backends.openrouter_answers import REQUEST, backend


async def test_what_a_generation_was_charged_can_be_asked_later():
    data = {
        "total_cost": 0.5,
        "provider_name": "P",
        "tokens_prompt": 1,
        "tokens_completion": 1,
        "native_tokens_prompt": 2,
        "native_tokens_completion": 3,
    }
    found = await backend(httpx.Response(200, json={"data": data})).settle(REQUEST, "g")

    assert found == Settlement(Usage(2, 3, 5), 0.5, "upstream", "P")


async def test_a_generation_by_a_provider_s_own_key_cost_what_the_provider_charged():
    data = {"total_cost": 0, "is_byok": True, "upstream_inference_cost": 0.25}
    found = await backend(httpx.Response(200, json={"data": data})).settle(REQUEST, "g")

    assert found == Settlement(None, 0.25, "upstream")


async def test_counts_of_a_generation_that_cannot_be_are_not_taken():
    data = {
        "total_cost": 0.5,
        "tokens_prompt": 1,
        "native_tokens_prompt": -2,
        "native_tokens_completion": 3,
        "native_tokens_cached": 99,
    }
    found = await backend(httpx.Response(200, json={"data": data})).settle(REQUEST, "g")

    assert found == Settlement(Usage(1, 3, 4), 0.5, "upstream")


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(404),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"data": {"total_cost": -5.0}}),
        httpx.Response(200, json={"data": {"total_cost": True}}),
        httpx.Response(200, json={"data": []}),
        httpx.Response(200, text="<html>"),
        httpx.ConnectError("refused"),
    ],
)
async def test_a_generation_that_is_not_known_costs_nothing_known(response):
    assert await backend(response).settle(REQUEST, "g") is None


async def test_an_upstream_that_tells_no_costs_later_is_not_asked_for_them():
    asked = []
    transport = HttpxTransport(httpx.MockTransport(asked.append))
    plain = UpstreamConfig(base_url="http://vllm/v1")
    made = OpenRouterBackend(plain, None, transport=transport)

    assert await made.settle(REQUEST, "gen-1") is None
    assert asked == []
