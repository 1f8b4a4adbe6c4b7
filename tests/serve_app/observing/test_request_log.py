"""One line for each request, and no prompt in it."""

import asyncio
import io
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from serve_app.http.api import build_api
from serve_app.observing.observer import Observer
from serve_app.observing.request_log import RequestLog
from tests.fakes import ScriptedBackend, gateway
from tests.kept_spans import CLIENT, TRACE_ID, KeptSpans
from tests.pages import ROOT, blocks, text_of

SECRET = "tell me a secret"
CHAT = {"messages": [{"role": "user", "content": SECRET}]}


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")


async def lines(body=None, *, prompts=False, tracer=None, **headers) -> list[dict]:
    """What one request leaves in the log."""
    stream = io.StringIO()
    log = RequestLog(logging.StreamHandler(stream), prompts=prompts)
    observer = Observer(log=log, tracer=tracer)
    app = build_api(gateway(None, ScriptedBackend(), observer=observer))
    told = {"authorization": "Bearer sk-av-t", "x-request-id": "mine", **headers}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.post(
            "/v1/chat/completions", json=CHAT | (body or {}), headers=told
        )
    log.flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_line_tells_who_what_and_for_how_much(stream):
    (line,) = await lines({"stream": stream})

    assert line["request_id"] == "mine"
    assert (line["tenant"], line["key_id"]) == ("t", "env:TEST_KEY")
    assert (line["model"], line["cause"], line["status"]) == ("small", "routed", 200)
    assert (line["cost_usd"], line["completion_tokens"]) == (0.25, 3)
    assert line["cost_source"] == "upstream"
    assert line["artifact"] == "0123456789abcdef"
    assert line["stream"] is stream
    assert line["at"].endswith("Z")
    assert SECRET not in json.dumps(line)


async def test_what_is_refused_has_a_line():
    (line,) = await lines(authorization="Bearer sk-av-wrong")

    assert (line["status"], line["error"]) == (401, "invalid_api_key")
    assert line["tenant"] is None
    assert "sk-av-wrong" not in json.dumps(line)


async def test_prompts_are_told_only_where_that_is_configured():
    (line,) = await lines(prompts=True)

    assert line["messages"] == CHAT["messages"]


@pytest.fixture
def full_disk():
    with suppress(OSError), Path("/dev/full").open("w") as file:
        yield file


async def test_a_log_that_cannot_be_written_says_so_once_and_tells_no_prompt(
    full_disk, caplog, capfd
):
    log = RequestLog(logging.StreamHandler(full_disk), prompts=True)
    for _ in range(2):
        log.refused({"messages": SECRET}, "overloaded", 0.0)
        log.flush()

    assert SECRET not in capfd.readouterr().err
    assert caplog.messages == [
        "requests are not logged any more: No space left on device"
    ]


async def test_the_trace_is_named():
    tracer = KeptSpans().tracer(root=True)
    (line,) = await lines(tracer=tracer, traceparent=CLIENT)

    assert line["trace_id"] == TRACE_ID


async def test_an_id_of_a_client_s_own_is_cut():
    (line,) = await lines(**{"x-request-id": "x" * 1000})

    assert line["request_id"] == "x" * 128


class Telling(io.StringIO):
    """Tells when something is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


async def test_what_gathers_is_written_without_being_asked_for():
    stream = Telling()
    log = RequestLog(logging.StreamHandler(stream))
    for number in range(3):
        log.refused({"request_id": str(number)}, "overloaded", 0.0)
    assert stream.getvalue() == ""

    async with asyncio.timeout(30):
        await stream.written.wait()

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["request_id"] for line in lines] == ["0", "1", "2"]


async def test_what_is_refused_is_told_of_when_it_came():
    stream = io.StringIO()
    log = RequestLog(logging.StreamHandler(stream))
    log.refused({"request_id": "1"}, "overloaded", 3600.0)
    log.flush()

    came = datetime.fromisoformat(json.loads(stream.getvalue())["at"])
    assert timedelta(hours=1) <= datetime.now(UTC) - came < timedelta(hours=2)


async def test_the_page_shows_the_fields_of_a_line():
    (shown,) = blocks(text_of(ROOT / "docs/observability.md"), "json")
    (line,) = await lines()

    assert list(json.loads(shown)) == list(line)
