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
from deployments.catalog import Timeouts
from deployments.errors import (
    InvalidRequest,
    ServingError,
    UpstreamError,
    UpstreamRefusal,
    UpstreamTimeout,
    generation_of,
)
from deployments.protocol.backend import Ending, Usage
from tests.deployments.backends.openrouter_answers import (
    KEY,
    REQUEST,
    USAGE,
    backend,
    chunk,
    stream,
    streamed,
    unary,
)

OWN_KEY = {
    "cost": 0,
    "is_byok": True,
    "cost_details": {"upstream_inference_cost": 0.25},
}
REASONING = {"completion_tokens_details": {"reasoning_tokens": 4}}


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
        ({**USAGE, "total_tokens": 9}, 72.0, "price_table"),
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


@pytest.mark.parametrize("limit", ["first_token_s", "between_tokens_s", "total_s"])
async def test_an_upstream_that_hangs_is_left_and_the_limit_is_named(limit):
    class Hanging(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b": OPENROUTER PROCESSING\n\n"
            if limit != "first_token_s":
                yield b'data: {"choices": [{"text": "a"}]}\n\n'
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


async def test_the_time_of_the_upstream_ends_with_the_first_byte_of_its_answer():
    async def body():
        yield stream(chunk("a"), done=False).content
        await asyncio.sleep(0.05)
        yield stream(chunk("b")).content

    kind = {"content-type": "text/event-stream"}
    loop = asyncio.get_running_loop()
    begun = loop.time()
    response = httpx.Response(200, content=body(), headers=kind)
    _, settlement = await streamed(response)

    assert settlement.upstream_s is not None
    assert settlement.upstream_s < loop.time() - begun - 0.045
