"""An answer that was charged for more than its tokens, and does not say how much."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from deployments.protocol.backend import Settlement, Surcharges, Surface
from tests.deployments.backends.openrouter_answers import (
    REQUEST,
    USAGE,
    backend,
    chunk,
    stream,
    unary,
)
from tests.fakes import parts_of

NOTHING = Surcharges()
BY_TABLE = (32.0, "price_table")  # two tokens in, three out
UNKNOWN = (None, "unknown")
SEARCHED = [{"type": "url_citation", "url_citation": {"url": "http://a"}}]


async def settled(
    response: httpx.Response,
    asked: Surcharges = NOTHING,
    surface: Surface = "chat/completions",
) -> Settlement:
    request = replace(REQUEST, surcharges=asked, surface=surface)
    if "event-stream" in response.headers["content-type"]:
        return (await parts_of(backend(response).stream(request)))[1]
    return (await backend(response).complete(request)).settlement


async def cost_of(*given: Any) -> tuple[float | None, str]:
    found = await settled(*given)
    assert found.usage is not None
    assert found.usage.total_tokens == 5, "what is known of it is told all the same"
    return found.cost_usd, found.cost_source


async def costs(asked: Surcharges = NOTHING, **changes: Any) -> set[Any]:
    """Of a whole answer and of a stream that end with the same fields."""
    end = {"usage": USAGE, **changes}
    streamed = stream(chunk("a"), chunk("b"), {"choices": [], **end})
    return {await cost_of(unary(**end), asked), await cost_of(streamed, asked)}


@pytest.mark.parametrize("tier", [None, "", "auto", "default", "standard", "on_demand"])
async def test_what_is_served_as_usual_costs_what_the_table_says(tier):
    assert await costs(service_tier=tier) == {BY_TABLE}
    assert await costs(usage={**USAGE, "service_tier": tier}) == {BY_TABLE}


@pytest.mark.parametrize("tier", ["priority", "flex", "scale", "Priority", "batch"])
async def test_what_another_tier_costs_is_not_known(tier):
    assert await costs(service_tier=tier) == {UNKNOWN}
    assert await costs(usage={**USAGE, "service_tier": tier}) == {UNKNOWN}


async def test_the_tier_that_answered_counts_and_else_the_one_that_was_asked_for():
    asked = Surcharges(service_tier="priority")

    assert await costs(asked) == {UNKNOWN}
    assert await costs(asked, service_tier="default") == {BY_TABLE}


async def test_a_price_may_be_that_of_another_tier():
    asked = Surcharges("flex", priced_tier="flex")

    assert await costs(asked) == {BY_TABLE}
    assert await costs(asked, service_tier="flex") == {BY_TABLE}
    assert await costs(asked, service_tier="default") == {UNKNOWN}
    assert await costs(replace(asked, service_tier="auto")) == {UNKNOWN}


@pytest.mark.parametrize(
    "more",
    [
        {"prompt_tokens_details": {"audio_tokens": 1}},
        {"completion_tokens_details": {"audio_tokens": 1}},
        {"completion_tokens_details": {"image_tokens": 1}},
        {"prompt_tokens_details": {"web_search_requests": 1}},
        {"server_tool_use": {"web_search_requests": 1}},
        {"num_server_side_tools_used": 1},
        {"num_search_queries": 2},
        {"cache_creation": {"ephemeral_1h_input_tokens": 1}},
    ],
)
async def test_what_is_counted_beside_text_has_a_price_of_its_own(more):
    assert await costs(usage={**USAGE, **more}) == {UNKNOWN}
    assert {cost for cost, _ in await costs(usage={**USAGE, **more, "cost": 9})} == {9}


@pytest.mark.parametrize(
    "nothing",
    [
        {"prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0}},
        {"completion_tokens_details": {"audio_tokens": None}},
        {"prompt_tokens_details": None, "server_tool_use": {"web_search_requests": 0}},
        {"num_sources_used": 0, "server_tool_use": None, "prompt_audio_seconds": {}},
        {"cache_creation": {"ephemeral_5m_input_tokens": 1}},
        {"num_search_queries": True, "server_tool_use": ["?"]},
    ],
)
async def test_what_was_not_done_is_not_charged(nothing):
    assert await costs(usage={**USAGE, **nothing}) == {BY_TABLE}


async def test_of_what_was_asked_for_a_chat_does_not_tell_whether_it_was_done():
    assert await costs(Surcharges(extras=True)) == {UNKNOWN}


@pytest.mark.parametrize("spaces", [True, False])
async def test_a_message_that_cites_was_searched_for(spaces):
    """In a stream that is an event which passes unparsed."""
    cites = {"choices": [{"index": 0, "delta": {"annotations": SEARCHED}}]}
    events = [chunk("a"), chunk("b"), cites, chunk("c"), {"usage": USAGE}]
    separators = None if spaces else (",", ":")
    lines = [f"data: {json.dumps(e, separators=separators)}\n\n" for e in events]
    content = "".join([*lines, "data: [DONE]\n\n"])
    streamed = stream()
    streamed = httpx.Response(200, content=content, headers=streamed.headers)
    message = {"content": "hi", "annotations": SEARCHED}

    assert await cost_of(streamed) == UNKNOWN
    assert await cost_of(unary(choices=[{"message": message}], usage=USAGE)) == UNKNOWN


@pytest.mark.parametrize("annotations", [[], None])
async def test_a_message_that_only_writes_of_citations_was_not(annotations):
    message = {"content": json.dumps({"annotations": SEARCHED})}
    message["annotations"] = annotations
    events = [chunk("a"), {"choices": [{"delta": message}]}, chunk("b")]

    assert await cost_of(stream(*events, {"usage": USAGE})) == BY_TABLE
    assert await cost_of(unary(choices=[{"message": message}], usage=USAGE)) == BY_TABLE


def response(*items: Any, **changes: Any) -> dict[str, Any]:
    usage = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
    said = {"status": "completed", "output": list(items), "usage": usage}
    return {"model": "them/theirs", **said, **changes}


async def costs_of_response(asked: Surcharges, *items: Any, **changes: Any) -> set[Any]:
    whole = response(*items, **changes)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    streamed = stream(
        {"type": "response.created", "response": {**begun, "service_tier": "auto"}},
        {"type": "response.output_text.delta", "delta": "hi"},
        {"type": "response.completed", "response": whole},
        done=False,
    )
    found = {await cost_of(httpx.Response(200, json=whole), asked, "responses")}
    return found | {await cost_of(streamed, asked, "responses")}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "web_search_call", "status": "completed"},
        {"type": "file_search_call"},
        {"type": "code_interpreter_call"},
        {"type": "image_generation_call"},
        {"type": "shell_call", "environment": {"type": "container_reference"}},
    ],
)
async def test_a_tool_that_the_upstream_of_a_response_ran_has_a_price_of_its_own(item):
    assert await costs_of_response(NOTHING, {"type": "message"}, item) == {UNKNOWN}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call", "name": "web_search_call"},
        {"type": "custom_tool_call"},
        {"type": "mcp_call"},
        {"type": "computer_call"},
        {"type": "shell_call", "environment": {"type": "local"}},
        {"type": "shell_call"},
        {"type": "reasoning"},
        {"type": ["?"]},
        "?",
    ],
)
async def test_a_tool_that_was_offered_and_not_run_costs_nothing(item):
    assert await costs_of_response(Surcharges(extras=True), item) == {BY_TABLE}


async def test_the_tier_of_a_response_is_told_when_it_is_complete():
    asked = Surcharges(service_tier="priority")

    assert await costs_of_response(asked, service_tier="default") == {BY_TABLE}
    assert await costs_of_response(asked, service_tier="priority") == {UNKNOWN}
