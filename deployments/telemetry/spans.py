"""Spans without OpenTelemetry: what the traced parts know of it.

A span's `traceparent` is W3C's; it crosses in our own values to where its children are
made. Where nothing is traced, it is None and nothing is made.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

from deployments.errors import ServingError
from deployments.telemetry.config import TelemetryConfig

Kind = Literal["server", "internal", "client"]
Value = str | bool | int | float
Attributes = Mapping[str, Value | None]  # None: left out


class Span(Protocol):
    """One step of a trace, until its end."""

    @property
    def traceparent(self) -> str:
        """What its children are given."""

    @property
    def trace_id(self) -> str:
        """In hexadecimal digits, as logs name it."""

    def set(self, attributes: Attributes) -> None:
        """Add what is known now."""

    def failed(self, error_type: str) -> None:
        """It ends with an error."""

    def end(self) -> None:
        """Now."""


class Tracer(Protocol):
    """Makes the spans of one deployment."""

    def start(
        self,
        name: str,
        *,
        parent: str | None,
        kind: Kind = "internal",
        attributes: Attributes | None = None,
    ) -> Span | None:
        """A span that has begun; None if its trace is not sampled."""


def make_tracer(
    config: TelemetryConfig, deployment: str, *, root: bool = False
) -> Tracer | None:
    """As configured; None, and nothing imported, while there is no endpoint.

    `root`: it decides what is traced; others follow the span they are given.
    """
    if config.endpoint is None:
        return None
    from deployments.telemetry.otel import exporting_tracer

    return exporting_tracer(config, deployment, root=root)


@contextmanager
def ended(spans: Sequence[Span | None]) -> Iterator[None]:
    """All spans end with the block, and say so if it fails."""
    there = [span for span in spans if span is not None]
    try:
        yield
    except BaseException as error:
        for span in there:
            span.failed(error_type(error))
        raise
    finally:
        for span in there:
            span.end()


def error_type(error: BaseException) -> str:
    """Of bounded variety, and never a message."""
    if isinstance(error, ServingError):
        return error.code or error.error_type
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return type(error).__name__
