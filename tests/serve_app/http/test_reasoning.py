"""Reasoning that comes back in a conversation, before upstreams as strict as OpenAI's.

The upstream is real HTTP to the backend: it answers as OpenAI does.
"""

import json
from typing import Any

import httpx
import openai
import pytest

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import OpenRouterBackend, OpenRouterConfig
from serve_app.http.api import build_api
from tests.fakes import Records, gateway

ASKED = {"role": "user", "content": "What is the remainder of 7^100 by 13?"}
SAID = {"role": "assistant", "content": "9"}
USAGE = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5, "cost": 0.25}


class Strict:
    """Two organisations, one for each model. Neither keeps anything, and neither reads
    what the other has sealed. `large` does not reason at all."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body)
        if "messages" in body:
            return self._chat(body)
        if error := self._problem(body):
            return httpx.Response(400, json={"error": error})
        output = [
            {"type": "reasoning", "id": "rs_9", "summary": []},
            {
                "type": "message",
                "id": "msg_9",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "9", "annotations": []}],
            },
        ]
        if body["model"] == "them/large":
            del output[0]
        elif "reasoning.encrypted_content" in body.get("include", ()):
            output[0]["encrypted_content"] = f"sealed by {body['model']}"
        answer = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": body["model"],
            "status": "completed",
            "output": output,
            "usage": USAGE,
        }
        if not body.get("stream"):
            return httpx.Response(200, json=answer)
        events = [
            {"type": "response.output_text.delta", "delta": "9"},
            {"type": "response.completed", "response": answer},
        ]
        told = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        kind = {"content-type": "text/event-stream"}
        return httpx.Response(200, content=told, headers=kind)

    def _problem(self, body: dict[str, Any]) -> dict[str, Any] | None:
        assert body["store"] is False
        items = body["input"] if isinstance(body["input"], list) else []
        thoughts = [item for item in items if item.get("type") == "reasoning"]
        sealed = [item for item in thoughts if item.get("encrypted_content")]
        known = {"type": "invalid_request_error", "param": "input", "code": None}
        if len(sealed) < len(thoughts):
            return {**known, "message": "Item with id 'rs_9' not found."}
        missing = not thoughts and any(item.get("id") == "msg_9" for item in items)
        if missing and body["model"] != "them/large":
            what = "Item 'msg_9' was provided without its required 'reasoning' item."
            return {**known, "message": what}
        if any(body["model"] not in item["encrypted_content"] for item in sealed):
            what = "The encrypted content seal...arge could not be verified."
            code = "invalid_encrypted_content"
            return {**known, "message": what, "param": None, "code": code}
        if body["model"] == "them/large" and body.get("include"):
            what = "Encrypted content is not supported with this model."
            return {**known, "message": what, "param": "include"}
        if body.get("max_output_tokens") == 3:
            return {**known, "message": "Too few.", "param": "max_output_tokens"}
        return None

    def _chat(self, body: dict[str, Any]) -> httpx.Response:
        """As Groq and Mistral do: fields that are not known are refused."""
        if any("reasoning" in message for message in body["messages"]):
            error = {"message": "property 'reasoning' is unsupported"}
            return httpx.Response(422, json={"error": error})
        choices = [{"index": 0, "message": SAID, "finish_reason": "stop"}]
        usage = {"prompt_tokens": 2, "completion_tokens": 3, "cost": 0.25}
        return httpx.Response(200, json={"choices": choices, "usage": usage})


class Served:
    """The official client, a real Gateway and backend, and the upstream."""

    def __init__(self) -> None:
        self.upstream = Strict()
        self.records = Records()
        transport = HttpxTransport(httpx.MockTransport(self.upstream))
        config = OpenRouterConfig(surfaces=["chat/completions", "responses"])
        backend = OpenRouterBackend(config, "key", transport=transport)
        app = build_api(gateway(backend=backend, sink=self.records))
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app))
        self.client = openai.AsyncOpenAI(
            api_key="sk-av-t",
            base_url="http://test/v1",
            http_client=http,
            max_retries=0,
        )

    @property
    def models(self) -> list[str]:
        return [body["model"] for body in self.upstream.asked]


@pytest.fixture
def served() -> Served:
    return Served()


async def test_the_output_of_a_response_may_be_sent_back(served):
    create = served.client.responses.create
    first = await create(model="small", input=[ASKED])
    second = await create(model="small", input=[ASKED, *first.output, ASKED])

    assert (first.output[0].type, second.output_text) == ("reasoning", "9")
    assert served.models == ["them/small"] * 2  # at once


async def test_sealed_reasoning_comes_back_to_the_model_that_has_sealed_it(served):
    create, include = served.client.responses.create, ["reasoning.encrypted_content"]
    first = await create(model="small", input=[ASKED], include=include)
    items = [ASKED, *first.output, ASKED]
    await create(model="small", input=items, include=include)

    sent = served.upstream.asked[-1]
    assert sent["input"][1]["encrypted_content"] == "sealed by them/small"
    assert len(served.models) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_another_model_answers_without_what_it_cannot_read(served, stream):
    create, include = served.client.responses.create, ["reasoning.encrypted_content"]
    first = await create(model="small", input=[ASKED], include=include)
    items = [ASKED, *first.output, ASKED]
    raw = await served.client.responses.with_raw_response.create(
        model="large", input=items, include=include, stream=stream
    )

    assert raw.status_code == 200
    assert raw.headers["x-routed-model"] == "large"
    assert raw.headers["x-routing-fallbacks"] == "1; large=reasoning_refused"
    assert served.models[1:] == ["them/large"] * 2
    kinds = [item.get("type", "message") for item in served.upstream.asked[-1]["input"]]
    assert kinds == ["message"] * 3


async def test_a_refusal_for_another_reason_is_told_as_it_was(served):
    create, include = served.client.responses.create, ["reasoning.encrypted_content"]
    first = await create(model="small", input=[ASKED], include=include)
    items = [ASKED, *first.output, ASKED]
    with pytest.raises(openai.BadRequestError) as raised:
        await create(model="small", input=items, include=include, max_output_tokens=3)

    assert raised.value.param == "max_output_tokens"
    assert served.models == ["them/small"] * 3  # once more, and not for ever
    assert [record.status for record in served.records] == ["answered", "failed"]


async def test_a_refusal_of_what_holds_no_reasoning_is_told_at_once(served):
    with pytest.raises(openai.BadRequestError):
        await served.client.responses.create(
            model="auto", input=[ASKED], max_output_tokens=3
        )

    assert served.models == ["them/small"]


async def test_a_chat_goes_on_where_the_reasoning_in_it_is_no_known_field(served):
    spoken = {**SAID, "reasoning": "by parts"}
    answer = await served.client.chat.completions.create(
        model="small", messages=[ASKED, spoken, ASKED]
    )

    assert answer.choices[0].message.content == "9"
    assert served.upstream.asked[-1]["messages"] == [ASKED, SAID, ASKED]
    (record,) = served.records
    assert record.failures == ("small=reasoning_refused",)
    assert (record.status, record.cost_usd) == ("answered", 0.25)
