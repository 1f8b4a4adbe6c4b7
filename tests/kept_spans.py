"""Spans that a test holds in its hand: OpenTelemetry's own, kept in memory."""

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.otel import OtelTracer, sampler

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID, CLIENT_SPAN = CLIENT.split("-")[1:3]


class KeptSpans:
    """Tracers of several deployments, and all that they have made."""

    def __init__(self, **config: Any) -> None:
        self._config = TelemetryConfig(**{"sampling": 1.0, **config})
        self._memory = InMemorySpanExporter()

    def tracer(self, *, root: bool = False) -> OtelTracer:
        processor = SimpleSpanProcessor(self._memory)
        return OtelTracer("test", sampler(self._config, root=root), processor)

    @property
    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._memory.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        """The one of that name."""
        (found,) = (span for span in self.ended if span.name == name)
        return found


def traceparent_of(span: ReadableSpan) -> str:
    context = span.context
    flags = f"{context.trace_flags:02x}"
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags}"


def parent_id(span: ReadableSpan) -> str | None:
    return f"{span.parent.span_id:016x}" if span.parent else None


def span_id(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}"


def trace_id(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"
