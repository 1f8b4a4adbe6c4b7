"""One span for each step, in the trace of the request that it is made for."""

import asyncio
from dataclasses import replace

import numpy as np
import orjson
import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind, StatusCode

from deployments.errors import UpstreamError
from deployments.protocol.backend import BackendRequest, Settlement
from deployments.protocol.routing import RouteQuery
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.spans import make_tracer
from deployments.telemetry.traced import TracedBackend, TracedEmbedder, TracedRouter
from tests.fakes import FixedRouter, ScriptedBackend
from tests.kept_spans import (
    CLIENT,
    CLIENT_SPAN,
    TRACE_ID,
    KeptSpans,
    parent_id,
    trace_id,
    traceparent_of,
)

SECRET = "tell me a secret"
REQUEST = BackendRequest(
    request_id="req-1",
    model="small",
    upstream_model="them/small",
    body=orjson.dumps(
        {"messages": [{"role": "user", "content": SECRET}], "temperature": 0.5}
    ),
    traceparent=CLIENT,
)
OTHER = "00-11111111111111111111111111111111-2222222222222222-01"


async def streamed(backend: TracedBackend, request: BackendRequest) -> list:
    return [item async for item in backend.stream(request)]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_of_a_model(stream):
    spans, plain = KeptSpans(), ScriptedBackend()
    backend = TracedBackend(plain, spans.tracer())
    await (streamed(backend, REQUEST) if stream else backend.complete(REQUEST))

    span = spans.named("chat them/small")
    assert span.kind is SpanKind.CLIENT
    assert (trace_id(span), parent_id(span)) == (TRACE_ID, CLIENT_SPAN)
    assert span.attributes["gen_ai.request.model"] == "them/small"
    assert span.attributes["gen_ai.request.temperature"] == 0.5
    assert span.attributes["gen_ai.usage.input_tokens"] == 2
    assert span.attributes["gen_ai.usage.output_tokens"] == 3
    assert span.attributes["avengers.cost_usd"] == 0.25
    assert plain.requests[0].traceparent == traceparent_of(span)


async def test_names_are_those_of_the_conventions():
    spans = KeptSpans()
    await TracedBackend(ScriptedBackend(), spans.tracer(), prompts=True).complete(
        REQUEST
    )

    ours = {n for n in spans.ended[0].attributes if n.startswith("gen_ai.")}
    assert ours <= {v for v in vars(gen_ai_attributes).values() if isinstance(v, str)}


@pytest.mark.parametrize("prompts", [False, True])
async def test_a_prompt_is_told_only_where_that_is_configured(prompts):
    spans = KeptSpans()
    backend = TracedBackend(ScriptedBackend(), spans.tracer(), prompts=prompts)
    await backend.complete(REQUEST)

    assert (SECRET in spans.ended[0].to_json()) == prompts
    assert "gen_ai.output.messages" not in spans.ended[0].attributes


async def test_a_failure_has_its_code_and_no_message():
    spans = KeptSpans()
    failing = ScriptedBackend({"small": UpstreamError(f"it said {SECRET}")})
    with pytest.raises(UpstreamError):
        await TracedBackend(failing, spans.tracer()).complete(REQUEST)

    (span,) = spans.ended
    assert span.attributes["error.type"] == "upstream_error"
    assert span.status.status_code is StatusCode.ERROR
    assert SECRET not in span.to_json()


async def test_a_client_that_leaves_ends_the_span():
    spans = KeptSpans()
    stream = TracedBackend(ScriptedBackend(), spans.tracer()).stream(REQUEST)
    await anext(stream)
    await stream.aclose()

    assert spans.ended[0].attributes["error.type"] == "cancelled"


async def test_what_is_not_traced_makes_no_span():
    spans = KeptSpans()
    backend = TracedBackend(ScriptedBackend(), spans.tracer())
    items = await streamed(backend, replace(REQUEST, traceparent=None))
    unsampled = CLIENT[:-1] + "0"
    await backend.complete(replace(REQUEST, traceparent=unsampled))

    assert isinstance(items[-1], Settlement)
    assert spans.ended == ()


async def test_queries_that_share_a_call_have_spans_in_their_own_traces():
    spans, plain = KeptSpans(), FixedRouter()
    queries = [
        RouteQuery(SECRET, 0.5, ("small",), traceparent=CLIENT),
        RouteQuery("not traced", 0.5, ("small",)),
        RouteQuery("of another", 0.7, ("small",), traceparent=OTHER),
    ]
    await TracedRouter(plain, spans.tracer()).route(queries)

    assert [trace_id(span) for span in spans.ended] == [TRACE_ID, OTHER.split("-")[1]]
    first = spans.ended[0].attributes
    assert (first["avengers.model"], first["avengers.batch_size"]) == ("small", 3)
    told = [query.traceparent for query in plain.queries]
    assert told == [
        traceparent_of(spans.ended[0]),
        None,
        traceparent_of(spans.ended[1]),
    ]
    assert SECRET not in spans.ended[0].to_json()


async def test_a_span_of_the_embedder_for_each_that_waits():
    class Ones:
        async def embed(self, texts, traces=(), within_s=None):
            await asyncio.sleep(0)
            return np.ones((len(texts), 2), np.float32)

    spans = KeptSpans()
    embedder = TracedEmbedder(Ones(), spans.tracer(), "mini")
    rows = await embedder.embed(["a", "b"], [CLIENT, OTHER])

    assert rows.shape == (2, 2)
    assert {span.name for span in spans.ended} == {"embeddings mini"}
    assert [parent_id(span) for span in spans.ended] == [
        CLIENT_SPAN,
        OTHER.split("-")[2],
    ]


def test_without_an_endpoint_there_is_no_tracer():
    assert make_tracer(TelemetryConfig(), "Gateway") is None
