"""The fault upstream speaks as OpenRouter does when it is asked for no fault."""

import json
from typing import Any

import httpx
import openai

from scripts.upstream.script import write_script
from tests.scripts.conftest import SETTINGS
from tests.scripts.upstream_asking import CHAT

QUESTION = [{"role": "user", "content": "What is 6 × 7?"}]
SCHEMA = {
    "type": "object",
    "required": ["city", "days", "sky"],
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "array", "items": {"type": "integer", "minimum": 3}},
        "sky": {"$ref": "#/$defs/Sky"},
        "note": {"type": "string"},
    },
    "$defs": {"Sky": {"enum": ["clear", "grey"]}},
}
SAMPLE = {"city": "text", "days": [3], "sky": "clear"}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "maker/model", "messages": QUESTION, **fields}


def events(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line for line in response.text.split("\n") if line.startswith("data: {")]
    return [json.loads(line[6:]) for line in lines]


async def test_an_answer_has_usage_and_its_generation_id(client, upstream):
    response = await client.post(CHAT, json=body())

    data = response.json()
    assert data["id"] == response.headers["x-generation-id"]
    assert (data["model"], data["provider"]) == ("maker/model", "Test")
    assert data["usage"]["completion_tokens"] == 8
    assert "cost" not in data["usage"]
    assert upstream.ledger.entries[0].outcome == "answered"


async def test_cost_is_stated_where_it_is_asked_for_and_charged(client, upstream):
    response = await client.post(CHAT, json=body(usage={"include": True}))

    usage = response.json()["usage"]
    entry = upstream.ledger.entries[0]
    assert usage["cost"] == entry.charged_usd
    assert entry.charged_usd == 0.001 * usage["prompt_tokens"] + 0.01 * 8


async def test_a_stream_begins_with_a_comment_and_ends_with_usage(client):
    wanted = body(stream=True, usage={"include": True})
    response = await client.post(CHAT, json=wanted)

    assert response.headers["content-type"] == "text/event-stream"
    assert response.text.startswith(": OPENROUTER PROCESSING\n\n")
    assert response.text.endswith("data: [DONE]\n\n")
    chunks = events(response)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["cost"] > 0
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


async def test_a_stream_says_no_usage_where_it_is_not_asked_for(client):
    response = await client.post(CHAT, json=body(stream=True))

    assert not any("usage" in chunk for chunk in events(response))


async def test_an_answer_is_drawn_from_its_request_alone(client):
    whole = await client.post(CHAT, json=body())
    streamed = await client.post(CHAT, json=body(stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in events(streamed)]

    def drawn(response: httpx.Response) -> str:
        sent = response.request.content
        return write_script(json.loads(sent), sent, SETTINGS.default, None).text

    assert whole.json()["choices"][0]["message"]["content"] == drawn(whole)
    assert "".join(delta["content"] for delta in deltas) == drawn(streamed)


async def test_max_tokens_cuts_the_answer(client):
    data = (await client.post(CHAT, json=body(max_tokens=3))).json()

    assert data["choices"][0]["finish_reason"] == "length"
    assert data["usage"]["completion_tokens"] == 3


async def test_several_choices_and_log_probabilities(client):
    data = (await client.post(CHAT, json=body(n=2, logprobs=True))).json()

    assert [choice["index"] for choice in data["choices"]] == [0, 1]
    assert len(data["choices"][0]["logprobs"]["content"]) == 8
    assert data["usage"]["completion_tokens"] == 16


async def test_an_answer_in_a_requested_form(client):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    data = (await client.post(CHAT, json=body(response_format=form))).json()

    assert json.loads(data["choices"][0]["message"]["content"]) == SAMPLE


async def test_a_tool_is_called_if_demanded(client):
    request = body(tools=[TOOL], tool_choice="required")
    choice = (await client.post(CHAT, json=request)).json()["choices"][0]

    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == SAMPLE


async def test_a_tool_is_not_called_unasked(client):
    choice = (await client.post(CHAT, json=body(tools=[TOOL]))).json()["choices"][0]

    assert choice["finish_reason"] == "stop"


async def test_a_tool_call_is_streamed_in_pieces(client):
    request = body(tools=[TOOL], tool_choice="required", stream=True)
    deltas = [
        chunk["choices"][0]["delta"].get("tool_calls", [{}])[0]
        for chunk in events(await client.post(CHAT, json=request))
    ]

    assert deltas[0]["function"]["name"] == "weather"
    parts = [delta["function"]["arguments"] for delta in deltas if delta]
    assert len(parts) > 3
    assert json.loads("".join(parts)) == SAMPLE


async def test_text_completions(client):
    request = {"model": "maker/model", "prompt": "Once"}
    whole = (await client.post("/api/v1/completions", json=request)).json()
    streamed = await client.post(
        "/api/v1/completions", json={**request, "stream": True}
    )

    assert whole["object"] == "text_completion"
    assert whole["choices"][0]["text"]
    assert len(events(streamed)) == 9


async def test_responses_are_parsed_by_the_official_client(client):
    official = openai.AsyncOpenAI(
        api_key="key", base_url=f"{client.base_url}/api/v1", http_client=client
    )
    response = await official.responses.create(model="maker/model", input="hi")
    stream = await official.responses.create(
        model="maker/model", input="hi", stream=True
    )
    kinds = [event.type async for event in stream]

    assert response.output_text.count(" ") == 8
    assert response.usage.output_tokens == 8
    assert kinds[0] == "response.created"
    assert kinds.count("response.output_text.delta") == 8
    assert kinds[-1] == "response.completed"


async def test_a_request_without_a_key_is_refused(client):
    response = await client.post(CHAT, json=body(), headers={"authorization": ""})

    assert response.status_code == 401


async def test_models_are_listed_with_prices(client, upstream):
    upstream.use(SETTINGS.model_copy(update={"models": {"m": SETTINGS.default}}))
    (model,) = (await client.get("/api/v1/models")).json()["data"]

    assert model["id"] == "m"
    assert model["pricing"] == {"prompt": "0.001", "completion": "0.01"}


async def test_a_generation_can_be_looked_up(client):
    answered = await client.post(CHAT, json=body(usage={"include": True}))
    found = await client.get("/api/v1/generation", params={"id": answered.json()["id"]})
    unknown = await client.get("/api/v1/generation", params={"id": "gen-0"})

    data = found.json()["data"]
    assert data["total_cost"] == answered.json()["usage"]["cost"]
    assert (data["native_tokens_completion"], data["cancelled"]) == (8, False)
    assert unknown.status_code == 404


async def test_the_answer_can_be_dictated(client, upstream):
    upstream.use(SETTINGS.model_copy(update={"answer": "Forty two."}))
    data = (await client.post(CHAT, json=body())).json()

    assert data["choices"][0]["message"]["content"] == "Forty two."
