"""Spans by OpenTelemetry's SDK, sent as OTLP over HTTP.

Import this module late: it takes memory that nobody needs while traces are off.
"""

import random
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.spans import Attributes, Kind, Span

SERVICE = "avengers-serve"
_SCOPE = "avengers"
_EXPORT_MS = 1000
_KINDS = {
    "server": trace.SpanKind.SERVER,
    "internal": trace.SpanKind.INTERNAL,
    "client": trace.SpanKind.CLIENT,
}
_PROPAGATOR = TraceContextTextMapPropagator()


class OtelSpan:
    """See Span."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        flags = context.trace_flags
        self.traceparent = f"00-{self.trace_id}-{context.span_id:016x}-{flags:02x}"

    def set(self, attributes: Attributes) -> None:
        """See Span."""
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value)

    def failed(self, error_type: str) -> None:
        """See Span."""
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        """See Span."""
        self._span.end()


class OtelTracer:
    """See Tracer."""

    def __init__(
        self, deployment: str, sampler: Sampler, processor: SpanProcessor
    ) -> None:
        provider = TracerProvider(
            sampler=sampler,
            resource=Resource.create(
                {
                    "service.name": SERVICE,
                    "avengers.deployment": deployment,
                }
            ),
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer(_SCOPE)

    def start(
        self,
        name: str,
        *,
        parent: str | None,
        kind: Kind = "internal",
        attributes: Attributes | None = None,
    ) -> Span | None:
        """See Tracer."""
        # What is no `traceparent` makes an empty context: a new trace.
        carrier = {"traceparent": parent} if parent else {}
        context = _PROPAGATOR.extract(carrier, context=Context())
        span = self._tracer.start_span(name, context=context, kind=_KINDS[kind])
        if not span.is_recording():
            return None
        made = OtelSpan(span)
        made.set(attributes or {})
        return made


def exporting_tracer(
    config: TelemetryConfig, deployment: str, *, root: bool
) -> OtelTracer:
    """Sends its spans to the configured endpoint, in batches, from a thread."""
    exporter = OTLPSpanExporter(endpoint=config.endpoint, headers=config.headers())
    processor = BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_MS)
    return OtelTracer(deployment, sampler(config, root=root), processor)


def sampler(config: TelemetryConfig, *, root: bool) -> Sampler:
    """Who decides: the share, or whoever made the span before."""
    if not root:
        return ParentBased(root=ALWAYS_OFF, remote_parent_sampled=ALWAYS_ON)
    share = _Share(config.sampling)
    return ParentBased(root=share) if config.follow_client else share


class _Share(Sampler):
    """Draws, for a trace's id may be the client's, and by that he could have all of his
    requests exported."""

    def __init__(self, share: float) -> None:
        self._share = share

    def should_sample(self, *args: Any, **named: Any) -> SamplingResult:
        chosen = ALWAYS_ON if random.random() < self._share else ALWAYS_OFF
        return chosen.should_sample(*args, **named)

    def get_description(self) -> str:
        return f"Share{{{self._share:g}}}"
