"""The upstream's answers, good and bad, over httpx's own transport seam."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from deployments.backends.httpx_transport import HttpxTransport
from deployments.backends.openrouter import (
    OpenRouterBackend,
    OpenRouterConfig,
    UpstreamConfig,
)
from deployments.catalog import Price, Timeouts
from deployments.errors import (
    InvalidRequest,
    PromptFlagged,
    PromptTooLong,
    RateLimited,
    ServingError,
    Unsupported,
    UpstreamError,
    UpstreamForbids,
    UpstreamRefusal,
    UpstreamTimeout,
    generation_of,
)
from deployments.protocol import BackendRequest, Ending, Settlement, Usage
from tests.fakes import parts_of

KEY = "sk-or-secret"
PRICE = Price(input_usd_per_token=1, output_usd_per_token=10)
REQUEST = BackendRequest("req-1", "ours", "them/theirs", b"{}", PRICE)
USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
OWN_KEY = {
    "cost": 0,
    "is_byok": True,
    "cost_details": {"upstream_inference_cost": 0.25},
}
REASONING = {"completion_tokens_details": {"reasoning_tokens": 4}}


def backend(response: httpx.Response | Exception) -> OpenRouterBackend:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        if isinstance(response, Exception):
            raise response
        return response

    transport = HttpxTransport(httpx.MockTransport(answer))
    return OpenRouterBackend(OpenRouterConfig(), KEY, transport=transport)


def unary(**changes: object) -> httpx.Response:
    body = {"model": "them/theirs", "choices": [{"message": {"content": "hi"}}]}
    return httpx.Response(200, json={**body, **changes})


def stream(*events: object, done: bool = True) -> httpx.Response:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    lines += ["data: [DONE]\n\n"] if done else []
    kind = {"content-type": "text/event-stream"}
    return httpx.Response(200, content="".join(lines), headers=kind)


def chunk(text: str, **changes: object) -> dict[str, object]:
    choices = [{"index": 0, "delta": {"content": text}}]
    return {"id": "gen", "model": "them/theirs", "choices": choices, **changes}


async def streamed(response: httpx.Response) -> tuple[list[bytes], Settlement]:
    return await parts_of(backend(response).stream(REQUEST))


@pytest.mark.parametrize(
    ("usage", "cost_usd", "source"),
    [
        ({**USAGE, "cost": 0.25}, 0.25, "upstream"),
        (USAGE, 32.0, "price_table"),
        (None, None, "unknown"),
        ({**USAGE, "cost": -5.0}, 32.0, "price_table"),
        ({**USAGE, "completion_tokens": -500_000}, None, "unknown"),
        ({**USAGE, **OWN_KEY}, 0.25, "upstream"),
        ({**USAGE, **OWN_KEY, "cost_details": None}, 32.0, "price_table"),
        ({**USAGE, "total_tokens": 9, **REASONING}, 72.0, "price_table"),
    ],
)
async def test_the_upstream_s_cost_wins_over_the_table(usage, cost_usd, source):
    answer = await backend(unary(usage=usage)).complete(REQUEST)

    assert json.loads(answer.body)["model"] == "ours"
    assert answer.settlement.cost_usd == cost_usd
    assert answer.settlement.cost_source == source


async def test_an_answer_that_ends_in_half_a_character_is_an_answer():
    cut = json.dumps(
        {"choices": [{"message": {"content": "a \ud83d"}}], "usage": USAGE}
    )
    answer = await backend(httpx.Response(200, text=cut)).complete(REQUEST)

    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "a ?"
    assert answer.settlement.usage == Usage(2, 3, 5)


async def test_a_stream_is_renamed_and_settled():
    usage = {"choices": [], "usage": {**USAGE, "cost": 0.5}}
    spaced = chunk('say "model": "them/theirs"')

    frames, settlement = await streamed(stream(chunk("a"), spaced, usage))

    events = [json.loads(e[6:]) for e in b"".join(frames).split(b"\n\n") if e]
    assert [event["model"] for event in events] == ["ours", "ours"]
    said = events[1]["choices"][0]["delta"]["content"]
    assert said == 'say "model": "them/theirs"'
    assert settlement.cost_usd == 0.5


async def test_a_stream_s_settlement_holds_the_usage_as_it_was_told():
    usage = {**USAGE, "cost": 0.5, "completion_tokens_details": {"audio_tokens": 3}}
    _, settlement = await streamed(
        stream(chunk("a"), {"choices": [], "usage": usage}),
    )

    assert settlement.said == usage


async def test_the_last_frame_comes_with_the_settlement():
    asked = backend(stream(chunk("a"))).stream(REQUEST)

    (ending,) = [item async for item in asked]

    assert isinstance(ending, Ending)
    assert b'"ours"' in ending.frame


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(400, text=KEY), InvalidRequest),
        (httpx.Response(500, text=KEY), UpstreamError),
        (httpx.Response(504), UpstreamTimeout),
        (httpx.Response(200, text="<html>"), UpstreamError),
        (unary(error={"message": "prompt", "code": 402}), UpstreamError),
        (httpx.ReadTimeout("slow"), UpstreamTimeout),
        (httpx.ConnectError("refused"), UpstreamError),
    ],
)
async def test_what_goes_wrong_is_said_in_our_words(response, error):
    with pytest.raises(error) as raised:
        await backend(response).complete(REQUEST)

    assert KEY not in str(raised.value)
    assert "prompt" not in str(raised.value)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        {"code": "context_length_exceeded"},
        {"message": "This endpoint's maximum context length is 131072 tokens."},
        {"message": "Input exceeds the context window of this model."},
        {"message": "prompt is too long: 210000 tokens > 200000 maximum"},
        {"message": "Input is too long for requested model."},
        {"message": "This model's maximum prompt length is 131072."},
        {
            "message": "Provider",
            "metadata": {"raw": "maximum number of tokens allowed"},
        },
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_a_prompt_too_long_for_one_model_is_told_apart(said, streams, late):
    error = {"code": 400, **said}
    response = httpx.Response(400, json={"error": error})
    if late:
        response = stream({"error": error}) if streams else unary(error=error)
    refusing = backend(response)
    asked = anext(refusing.stream(REQUEST)) if streams else refusing.complete(REQUEST)

    with pytest.raises(PromptTooLong) as raised:
        await asked
    assert raised.value.code == "context_length_exceeded"
    assert "tokens" not in raised.value.message


BAD_TOOL = {
    "message": f"Invalid schema for {KEY}",
    "param": "tools[0].function.parameters",
    "code": "invalid_function_parameters",
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        BAD_TOOL,
        {"code": 400, "metadata": {"raw": json.dumps({"error": BAD_TOOL})}},
    ],
    ids=["upstream", "provider"],
)
async def test_which_field_the_upstream_refuses_is_told(said, streams):
    refusing = backend(httpx.Response(400, json={"error": said}))
    asked = anext(refusing.stream(REQUEST)) if streams else refusing.complete(REQUEST)

    with pytest.raises(InvalidRequest) as raised:
        await asked
    error = raised.value
    what = "The upstream refused the request (status 400, invalid_function_parameters)."
    assert error.message == what
    assert (error.param, error.code) == (BAD_TOOL["param"], "upstream_refused")


@pytest.mark.parametrize("quoted", [KEY, "tell me a secret", "x" * 99, "", 7, ["a"]])
async def test_what_is_no_name_of_a_field_is_not_told(quoted):
    said = {"param": quoted, "code": quoted, "metadata": {"raw": quoted}}
    with pytest.raises(InvalidRequest) as raised:
        await backend(httpx.Response(422, json={"error": said})).complete(REQUEST)

    assert raised.value.message == "The upstream refused the request (status 422)."
    assert raised.value.param is None


FLAGGED = {
    "code": 403,
    "message": "Your input was flagged",
    "metadata": {
        "reasons": ["violence", "self-harm/intent", "as it says: tell me", 7],
        "flagged_input": "tell me",
        "provider_name": "OpenAI",
    },
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("late", [False, True])
async def test_input_that_moderation_flags_is_told_as_that_and_why(streams, late):
    response = httpx.Response(403, json={"error": FLAGGED})
    if late:
        response = stream({"error": FLAGGED}) if streams else unary(error=FLAGGED)
    refusing = backend(response)
    asked = anext(refusing.stream(REQUEST)) if streams else refusing.complete(REQUEST)

    with pytest.raises(PromptFlagged) as raised:
        await asked
    error = raised.value
    assert (error.status, error.code) == (403, "content_policy_violation")
    said = (
        "The upstream's moderation has flagged the input (violence, self-harm/intent)."
    )
    assert error.message == said


@pytest.mark.parametrize(
    "said",
    [
        "<html>",
        "[]",
        '{"error": "no"}',
        '{"error": {"code": 403, "message": "Key limit exceeded"}}',
        '{"error": {"code": 403, "metadata": {"reasons": null}}}',
    ],
)
async def test_what_our_key_may_not_is_no_matter_of_the_input(said):
    with pytest.raises(UpstreamForbids) as raised:
        await backend(httpx.Response(403, text=said)).complete(REQUEST)
    assert (raised.value.status, raised.value.code) == (502, "upstream_permission")


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("said", "kind", "status"),
    [
        ("No endpoints found that support image input", Unsupported, 400),
        (
            "No endpoints found that support the provided 'tool_choice' value.",
            Unsupported,
            400,
        ),
        (
            "No endpoints found that can handle the requested parameters.",
            Unsupported,
            400,
        ),
        ("No endpoints found for them/theirs.", UpstreamRefusal, 502),
    ],
)
async def test_what_no_provider_takes_is_the_request_s_own_matter(
    said, kind, status, streams, late
):
    error = {"code": 404, "message": said}
    response = httpx.Response(404, json={"error": error})
    if late:
        response = stream({"error": error}) if streams else unary(error=error)
    refusing = backend(response)
    asked = anext(refusing.stream(REQUEST)) if streams else refusing.complete(REQUEST)

    with pytest.raises(kind) as raised:
        await asked
    assert raised.value.status == status
    assert raised.value.retryable
    assert not raised.value.passes


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("429", RateLimited),
        ("400", InvalidRequest),
        ("404", UpstreamRefusal),
        ("503", UpstreamError),
        ("200", UpstreamError),
        ("99999", UpstreamError),
    ],
)
async def test_a_status_in_an_answer_may_be_written_as_a_text(code, kind, streams):
    error = {"message": "no", "type": "None", "param": "None", "code": code}
    failing = stream({"error": error}) if streams else unary(error=error)
    refusing = backend(failing)
    asked = anext(refusing.stream(REQUEST)) if streams else refusing.complete(REQUEST)

    with pytest.raises(ServingError) as raised:
        await asked
    assert type(raised.value) is kind
    assert raised.value.param is None


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("unsupported_value", True),
        ("unsupported_parameter", True),
        ("invalid_value", False),
    ],
)
async def test_what_this_model_does_not_support_another_may(code, retryable):
    said = {"message": "no", "param": "temperature", "code": code}
    with pytest.raises(InvalidRequest) as raised:
        await backend(httpx.Response(400, json={"error": said})).complete(REQUEST)

    error = raised.value
    assert (error.param, error.code) == ("temperature", "upstream_refused")
    assert error.retryable == retryable


class Stuck(httpx.AsyncByteStream):
    """A body whose end does not come."""

    def __init__(self, then: Exception | None = None) -> None:
        self._then = then

    async def __aiter__(self):
        yield b'{"error": {"message": "temperature is too high'
        if self._then:
            raise self._then
        await asyncio.sleep(3600)


@pytest.mark.parametrize("then", [None, httpx.ReadError("reset")])
async def test_a_refusal_does_not_wait_for_what_is_said_of_it(then, monkeypatch):
    monkeypatch.setattr("deployments.backends.open_reply._SAID_S", 0.01)

    with pytest.raises(InvalidRequest) as raised:
        await backend(httpx.Response(400, stream=Stuck(then))).complete(REQUEST)
    assert raised.value.code == "upstream_refused"


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("7", 7.0),
        ("-1", 0.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        (f"Wed, 21 Oct {'9' * 20} 07:28:00 GMT", None),
    ],
)
async def test_a_rate_limit_says_when_to_come_back(stated, seconds):
    response = httpx.Response(429, headers={"retry-after": stated})

    with pytest.raises(RateLimited) as raised:
        await backend(response).complete(REQUEST)

    assert raised.value.retry_after_s == seconds


@pytest.mark.parametrize(
    "response",
    [
        stream(chunk("a"), done=False),
        stream(chunk("a"), {"error": {"message": "prompt", "code": 502}}),
        httpx.Response(200, content="x", headers={"content-type": "text/html"}),
    ],
)
async def test_a_broken_stream_is_never_a_clean_end(response):
    with pytest.raises(ServingError):
        await streamed(response)


async def test_an_answer_that_is_cut_says_under_which_id_it_may_be_charged():
    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b'{"id": '
            raise httpx.ReadError("reset")

    headers = {"x-generation-id": "gen-7"}
    with pytest.raises(UpstreamError) as raised:
        await backend(httpx.Response(200, headers=headers, stream=Cut())).complete(
            REQUEST
        )

    assert raised.value.generation_id == "gen-7"


@pytest.mark.parametrize("streams", [False, True])
async def test_a_client_that_leaves_is_told_which_answer_that_ends(streams):
    async def begun():
        yield b": OPENROUTER PROCESSING\n\n"
        await asyncio.sleep(3600)

    headers = {"content-type": "text/event-stream", "x-generation-id": "gen-7"}
    hanging = backend(httpx.Response(200, headers=headers, content=begun()))
    asking = (
        hanging.complete(REQUEST) if not streams else anext(hanging.stream(REQUEST))
    )
    task = asyncio.ensure_future(asking)
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert generation_of(raised.value) == "gen-7"


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


@pytest.mark.parametrize("limit", ["first_token_s", "between_tokens_s", "total_s"])
async def test_an_upstream_that_hangs_is_left_and_the_limit_is_named(limit):
    class Hanging(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b": OPENROUTER PROCESSING\n\n"
            if limit != "first_token_s":
                yield b'data: {"choices": []}\n\n'
            while True:
                await asyncio.sleep(0.01)
                yield b": OPENROUTER PROCESSING\n\n"

    kind = {"content-type": "text/event-stream", "x-generation-id": "gen-7"}
    response = httpx.Response(200, headers=kind, stream=Hanging())
    timeouts = Timeouts().model_copy(update={limit: 0.05})
    with pytest.raises(UpstreamTimeout, match=limit) as raised:
        async for _ in backend(response).stream(replace(REQUEST, timeouts=timeouts)):
            pass

    assert raised.value.code == f"upstream_timeout_{limit.removesuffix('_s')}"
    assert raised.value.generation_id == "gen-7"


async def test_a_tenant_s_own_key_is_used_and_never_replaced_by_the_operator_s():
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return unary(usage=USAGE)

    made = OpenRouterBackend(
        OpenRouterConfig(),
        KEY,
        environment={"ACME": "sk-acme"},
        transport=HttpxTransport(httpx.MockTransport(answer)),
    )
    await made.complete(replace(REQUEST, secret="ACME"))
    with pytest.raises(UpstreamRefusal, match="own key") as raised:
        await made.complete(replace(REQUEST, secret="UNSET"))
    assert raised.value.code == "tenant_key_missing"
    assert not raised.value.passes

    assert seen == ["Bearer sk-acme"]


async def test_a_surface_that_the_upstream_lacks_is_a_clear_error():
    config = UpstreamConfig(base_url="http://upstream/v1/")
    made = OpenRouterBackend(config, None)

    with pytest.raises(InvalidRequest, match="has no /v1/responses"):
        await made.complete(replace(REQUEST, surface="responses"))


@pytest.mark.parametrize("passes", [False, True])
async def test_the_trace_goes_on_upstream_only_where_that_is_configured(passes):
    told: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.headers.get("traceparent"))
        return unary()

    config = UpstreamConfig(base_url="http://nowhere", traceparent=passes)
    transport = HttpxTransport(httpx.MockTransport(answer))
    made = OpenRouterBackend(config, None, transport=transport)
    await made.complete(replace(REQUEST, traceparent="00-1-2-01"))

    assert told == ["00-1-2-01" if passes else None]


async def test_a_key_from_a_file_may_end_with_the_line():
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return unary()

    config = UpstreamConfig(base_url="http://upstream/v1/", api_key_env="OURS")
    made = OpenRouterBackend(
        config,
        config.api_key({"OURS": f"{KEY}\n"}),
        environment={"ACME": "sk-acme\n", "BLANK": "\n"},
        transport=HttpxTransport(httpx.MockTransport(answer)),
    )
    await made.complete(REQUEST)
    await made.complete(replace(REQUEST, secret="ACME"))

    assert sent == [f"Bearer {KEY}", "Bearer sk-acme"]
    with pytest.raises(UpstreamError, match="own key for this upstream is not set"):
        await made.complete(replace(REQUEST, secret="BLANK"))


def test_a_key_of_nothing_but_a_line_end_is_none():
    config = UpstreamConfig(base_url="http://upstream/v1/", api_key_env="OURS")

    assert config.has_key({"OURS": "k\n"})
    assert not config.has_key({"OURS": "\n"})
    assert not config.has_key({})


@pytest.mark.parametrize(
    ("base_url", "asked"),
    [
        ("http://upstream/v1/", "http://upstream/v1/chat/completions"),
        ("http://upstream/v1", "http://upstream/v1/chat/completions"),
        ("http://upstream", "http://upstream/chat/completions"),
        (
            "http://upstream/v1?version=2",
            "http://upstream/v1/chat/completions?version=2",
        ),
    ],
)
async def test_paths_are_appended_to_the_base_url_with_or_without_its_slash(
    base_url, asked
):
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return unary()

    transport = HttpxTransport(httpx.MockTransport(answer))
    made = OpenRouterBackend(
        UpstreamConfig(base_url=base_url), None, transport=transport
    )
    await made.complete(REQUEST)

    assert seen == [asked]


@pytest.mark.parametrize(
    "base_url", ["", "upstream/v1", "ftp://upstream", "http://", "http://[::1"]
)
def test_a_base_url_is_an_address(base_url):
    with pytest.raises(ValueError, match="http:// or https:// was expected"):
        UpstreamConfig(base_url=base_url)
