"""The Gateway's own span: it continues the client's trace, and its children's begin."""

import httpx
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from deployments.errors import UpstreamError
from deployments.telemetry.traced import TracedBackend
from serve_app.http.api import build_api
from serve_app.observing.observer import Observer
from tests.fakes import FixedRouter, ScriptedBackend, gateway
from tests.kept_spans import (
    CLIENT,
    CLIENT_SPAN,
    TRACE_ID,
    KeptSpans,
    parent_id,
    trace_id,
    traceparent_of,
)

CHAT = {"messages": [{"role": "user", "content": "tell me a secret"}]}
NAME = "POST /v1/chat/completions"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-av-t")


async def ask(spans, body=None, *, router=None, backend=None, **headers) -> None:
    observer = Observer(tracer=spans.tracer(root=True))
    app = build_api(gateway(router, backend, observer=observer))
    told = {"authorization": "Bearer sk-av-t", **headers}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.post(
            "/v1/chat/completions", json=CHAT | (body or {}), headers=told
        )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request(stream):
    spans, router, backend = KeptSpans(), FixedRouter(), ScriptedBackend()
    await ask(spans, {"stream": stream}, router=router, backend=backend)

    span = spans.named(NAME)
    assert span.kind is SpanKind.SERVER
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["avengers.tenant"] == "t"
    assert span.attributes["avengers.model"] == "small"
    assert router.queries[0].traceparent == traceparent_of(span)
    assert backend.requests[0].traceparent == traceparent_of(span)
    assert "secret" not in span.to_json()


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_is_complete_is_none_that_was_cancelled(stream):
    spans = KeptSpans()
    backend = TracedBackend(ScriptedBackend(), spans.tracer())
    await ask(spans, {"stream": stream}, backend=backend)

    answer = spans.named("chat them/small")
    assert answer.attributes["gen_ai.usage.output_tokens"] == 3
    assert "error.type" not in answer.attributes
    assert answer.status.status_code is not StatusCode.ERROR


async def test_the_client_s_trace_goes_on():
    spans = KeptSpans()
    await ask(spans, traceparent=CLIENT)

    span = spans.named(NAME)
    assert (trace_id(span), parent_id(span)) == (TRACE_ID, CLIENT_SPAN)


async def test_a_header_that_is_none_begins_a_new_trace():
    spans = KeptSpans()
    await ask(spans, traceparent="00-nonsense")

    assert parent_id(spans.named(NAME)) is None


@pytest.mark.parametrize(
    ("follow_client", "flag", "traced"),
    [(False, "01", False), (True, "01", True), (True, "00", False)],
)
async def test_who_decides_what_is_traced(follow_client, flag, traced):
    spans = KeptSpans(sampling=0.0, follow_client=follow_client)
    backend = ScriptedBackend()
    await ask(spans, backend=backend, traceparent=CLIENT[:-2] + flag)

    assert bool(spans.ended) == traced
    assert (backend.requests[0].traceparent is not None) == traced


async def test_what_fails():
    spans = KeptSpans()
    broken = UpstreamError("it broke")
    await ask(spans, backend=ScriptedBackend({"small": broken, "large": broken}))

    span = spans.named(NAME)
    assert span.attributes["http.response.status_code"] == 502
    assert span.attributes["error.type"] == "upstream_error"
    assert span.status.status_code is StatusCode.ERROR


async def test_what_is_refused_is_no_error_of_ours():
    spans = KeptSpans()
    await ask(spans, {"messages": []})

    span = spans.named(NAME)
    assert span.attributes["http.response.status_code"] == 400
    assert span.attributes["error.type"] == "invalid_value"
    assert span.status.status_code is not StatusCode.ERROR
