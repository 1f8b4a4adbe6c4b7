"""The fault upstream fails in the way it is asked to, and charges accordingly."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import h2.exceptions
import httpx
import pytest

from scripts.served import ROOT
from scripts.upstream.faults import (
    KINDS,
    Fault,
    FaultSyntaxError,
    Phase,
    marked_fault,
    parse_fault,
)
from tests.scripts.conftest import SETTINGS, client_of
from tests.scripts.upstream_asking import CHAT, body, settled

STATUSES = {
    "400": 400,
    "400-model": 400,
    "401": 401,
    "402": 402,
    "403": 403,
    "404": 404,
    "408": 408,
    "413": 413,
    "429": 429,
    "429-date": 429,
    "500": 500,
    "502-html": 502,
    "503": 503,
    "504": 504,
}
BREAKS = ("cut-fin", "cut-rst", "stream-reset", "goaway-abrupt", "malformed-framing")
# httpx lets h2's own error through where a frame of a body makes no sense.
BROKEN = (httpx.ReadError, httpx.ProtocolError, h2.exceptions.ProtocolError)
HANGS = ("hang", "comments", "endless")


def test_a_fault_is_read_with_its_options():
    fault = parse_fault("cut-rst, after, tokens=5, model=a/b, times=2, key=x")

    assert fault == Fault("cut-rst", Phase.AFTER, 5, "a/b", 2)
    assert parse_fault("endless").phase is Phase.AFTER


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("earthquake", "no fault is called 'earthquake'"),
        ("429,after", "429 does not strike after"),
        ("hang,color=red", "no option is called 'color'"),
        ("hang,tokens=few", "whole numbers"),
    ],
)
def test_a_fault_that_cannot_be_read_says_why(text, why):
    with pytest.raises(FaultSyntaxError, match=why):
        parse_fault(text)


def test_a_marker_in_a_message_names_a_fault():
    assert marked_fault(b'{"content":"hi [[fault: 500,times=1]]"}') == "500,times=1"
    assert marked_fault(b'{"content":"hi [[fault]]"}') is None


def test_every_status_is_covered():
    assert {name for name in KINDS if name[0].isdigit()} == STATUSES.keys()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", STATUSES)
async def test_statuses_are_answered_and_not_charged(client, upstream, name, stream):
    response = await client.post(CHAT, json=body(name, stream=stream))

    entry = await settled(upstream)
    assert response.status_code == STATUSES[name]
    assert (entry.outcome, entry.charged_usd) == ("failed", 0.0)


async def test_retry_after_comes_as_seconds_or_as_a_date(client):
    seconds = await client.post(CHAT, json=body("429"))
    date = await client.post(CHAT, json=body("429-date"))

    when = parsedate_to_datetime(date.headers["retry-after"])
    assert seconds.headers["retry-after"] == "7"
    assert when > datetime.now(UTC)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("name", BREAKS)
async def test_a_broken_connection_raises_in_the_client(
    each_client, upstream, name, phase, stream
):
    with pytest.raises(BROKEN):
        await each_client.post(CHAT, json=body(f"{name},{phase}", stream=stream))

    entry = await settled(upstream)
    produced = {"before": 0, "after": 3 if stream else 8}[phase]
    assert (entry.outcome, entry.completion_tokens) == ("failed", produced)
    price = 0.001 * entry.prompt_tokens + 0.01 * produced
    assert entry.charged_usd == (price if produced else 0.0)


@pytest.mark.parametrize("name", HANGS)
async def test_who_waits_in_vain_hangs_up_and_is_noticed(each_client, upstream, name):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await each_client.post(CHAT, json=body(f"{name},after", stream=True))
    # Of HTTP/2 httpx resets no stream: only the end of the connection tells.
    await each_client.aclose()

    entry = await settled(upstream)
    assert entry.outcome == "client_left"
    assert entry.client_left_s is not None
    assert entry.completion_tokens >= 3
    assert entry.charged_usd > 0


async def test_nothing_is_charged_for_an_answer_that_never_began(client, upstream):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.post(CHAT, json=body("hang"))

    assert (await settled(upstream)).charged_usd == 0.0


async def test_an_error_chunk_ends_a_stream_and_costs_nothing(client, upstream):
    wanted = body("error-chunk,after", stream=True)
    response = await client.post(CHAT, json=wanted)

    entry = await settled(upstream)
    assert '"finish_reason":"error"' in response.text
    assert "[DONE]" not in response.text
    assert (entry.completion_tokens, entry.charged_usd) == (3, 0.0)


async def test_an_error_may_follow_what_announces_an_answer(client, upstream):
    response = await client.post(CHAT, json=body("announced-error", stream=True))

    announced, error = response.text.strip().split("\n\n")
    assert '"role":"assistant"' in announced
    assert '"error"' in error
    assert (await settled(upstream)).charged_usd == 0.0


async def test_an_error_in_a_whole_answer_has_status_200(client):
    response = await client.post(CHAT, json=body("error-chunk"))

    assert response.status_code == 200
    assert response.json()["error"]["code"] == 502


async def test_broken_json_is_no_json(client):
    response = await client.post(CHAT, json=body("malformed-json,after"))

    assert response.status_code == 200
    with pytest.raises(ValueError, match="Unterminated"):
        response.json()


@pytest.mark.parametrize(
    ("name", "kind", "length"), [("wrong-type", "text/html", 74), ("empty", "text/", 0)]
)
async def test_200_without_an_answer(client, name, kind, length):
    response = await client.post(CHAT, json=body(name, stream=True))

    assert response.status_code == 200
    assert response.headers["content-type"].startswith(kind)
    assert len(response.content) == length


@pytest.mark.parametrize("stream", [False, True])
async def test_a_dripping_answer_is_whole(client, upstream, stream):
    response = await client.post(CHAT, json=body("drip", stream=stream))

    assert response.text.rstrip().endswith("[DONE]" if stream else "}")
    assert (await settled(upstream)).outcome == "answered"


async def test_a_stream_without_its_end_is_charged_whole(client, upstream):
    response = await client.post(CHAT, json=body("no-done", stream=True))

    entry = await settled(upstream)
    assert "[DONE]" not in response.text
    assert entry.completion_tokens == 8


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_without_usage_is_charged_all_the_same(
    client, upstream, stream
):
    response = await client.post(CHAT, json=body("no-usage", stream=stream))

    assert '"usage"' not in response.text
    assert (await settled(upstream)).charged_usd > 0


async def test_goaway_lets_the_answer_end_and_the_connection_with_it(client):
    reader, writer = await asyncio.open_connection(
        client.base_url.host, client.base_url.port
    )
    asked = client.build_request("POST", CHAT, json=body("goaway"))
    head = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
    writer.write(f"POST {CHAT} HTTP/1.1\r\n{head}\r\n".encode() + asked.content)

    async with asyncio.timeout(10):
        answer = await reader.read()  # until there is no connection
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"}")


async def test_an_unwanted_whole_answer_is_charged_in_full(client, upstream):
    slow = SETTINGS.default.model_copy(update={"tokens_per_s": 8.0})
    upstream.use(SETTINGS.model_copy(update={"default": slow}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.post(CHAT, json={"model": "m", "messages": []})

    entry = await settled(upstream)
    assert (entry.outcome, entry.completion_tokens) == ("client_left", 8)


async def test_the_ledger_can_be_read_and_reset(client, upstream):
    await client.post(CHAT, json=body("500"))
    await client.post(CHAT, json=body("drip"))

    ledger = (await client.get("/ledger")).json()
    assert [row["fault"] for row in ledger["entries"]] == ["500,before", "drip,before"]
    assert ledger["charged_usd"] == ledger["entries"][1]["charged_usd"] > 0
    await client.post("/ledger/reset")
    assert (await client.get("/ledger")).json()["requests"] == 0


async def test_the_ledger_is_bounded(client, upstream):
    upstream.use(SETTINGS.model_copy(update={"keep_entries": 3}))
    for _ in range(5):
        await client.post(CHAT, json=body("500"))

    assert (upstream.ledger.requests, len(upstream.ledger.entries)) == (5, 3)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["before", "after"])
async def test_an_id_that_comes_after_a_goaway_finds_no_reader(phase, stream, upstream):
    async with client_of(upstream, http2=True) as client:
        with pytest.raises(BROKEN):
            await client.post(CHAT, json=body(f"goaway,{phase}", stream=stream))

        entry = await settled(upstream)
    assert entry.named == (phase == "after")


async def test_who_says_goaway_has_left(upstream):
    async with client_of(upstream, http2=True) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.post(CHAT, json=body("hang,after", stream=True))

    assert (await settled(upstream)).outcome == "client_left"


def test_the_pages_speak_of_every_kind():
    readme, page = (
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", "docs/faults.md")
    )

    assert f"{len(KINDS)} kinds of fault, measured" in readme
    assert all(f"\n| {name} |" in page for name in KINDS)
