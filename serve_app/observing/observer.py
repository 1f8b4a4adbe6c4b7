"""Watches the requests of one Gateway."""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from deployments.errors import ServingError
from deployments.protocol.backend import Settlement
from deployments.telemetry.families import NONE
from deployments.telemetry.spans import Span, Tracer
from deployments.usage.record import UsageRecord
from serve_app.access.tenants import Directory, Tenant
from serve_app.answering.call import Call
from serve_app.answering.choosing import Choice
from serve_app.answering.failure import Failure
from serve_app.observing.metrics import GatewayMetrics
from serve_app.observing.request_log import RequestLog, head_of
from serve_app.observing.request_span import end, incoming, outcome
from serve_app.observing.tenant_labels import TenantLabels

_CLIENT_GONE = 499  # nginx's
_OURS = 500
_MAX_TENANTS = 100


class Observer:
    """Metrics and a log line of each request; silent where it is given nothing."""

    def __init__(
        self,
        metrics: GatewayMetrics | None = None,
        *,
        max_tenants: int = _MAX_TENANTS,
        log: RequestLog | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.metrics = metrics or GatewayMetrics()
        self.labels = TenantLabels(max_tenants)
        self.log = log
        self._tracer = tracer

    def start(self) -> None:
        """Begin to tell what gauges are, in the running loop."""
        self.metrics.tally.start()

    def stop(self) -> None:
        """Hand on what was counted, and write what was logged."""
        self.metrics.tally.stop()
        if self.log is not None:
            self.log.flush()

    def begin(
        self, request_id: str, route: str = "", traceparent: str | None = None
    ) -> "RequestWatch":
        """A request has come, perhaps as a part of its client's trace."""
        span = None
        if self._tracer is not None:
            name, attributes = incoming(request_id, route)
            span = self._tracer.start(
                name, parent=traceparent, kind="server", attributes=attributes
            )
        return RequestWatch(self, request_id, span)


class RequestWatch:
    """Of one request. As a context: what is refused within is counted, too."""

    def __init__(
        self, observer: Observer, request_id: str, span: Span | None = None
    ) -> None:
        self.request_id = request_id
        self._observer = observer
        self._span = span
        self._start = time.perf_counter()
        self._tenant: Tenant | None = None
        self._label = NONE
        self._over = False

    @property
    def traceparent(self) -> str | None:
        """See Watch."""
        return None if self._span is None else self._span.traceparent

    @property
    def trace_id(self) -> str | None:
        """For logs."""
        return None if self._span is None else self._span.trace_id

    def identified(self, tenant: Tenant, directory: Directory) -> None:
        """It is known who asks."""
        self._tenant = tenant
        self._label = self._observer.labels.of(tenant.id, directory)

    def chosen(self, call: Call, choice: Choice) -> None:
        """See Watch."""
        model, tier = choice.models[0], call.plan.cost_tier
        self._observer.metrics.decided(model, tier, choice.cause, choice.decision)

    def ended(
        self,
        call: Call,
        record: UsageRecord,
        failures: Sequence[Failure],
        *,
        settlement: Settlement | None = None,
        error: ServingError | None = None,
    ) -> None:
        """See Watch."""
        if self._over:
            return
        self._over = True
        status = 200 if settlement is not None else _status(error)
        metrics = self._observer.metrics
        metrics.ended(record, self._label, status, failures)
        if settlement is not None:
            self._judge(call, record, failures, settlement)
        if self._observer.log is not None:
            self._observer.log.ended(call, record, status, self.trace_id)
        if self._span is not None:
            self._span.set(outcome(record))
            end(self._span, status, record.error)

    def _judge(
        self,
        call: Call,
        record: UsageRecord,
        failures: Sequence[Failure],
        settlement: Settlement,
    ) -> None:
        metrics = self._observer.metrics
        upstream_s = settlement.upstream_s
        # What a model took that failed before is not known, so it cannot be taken out.
        if upstream_s is not None and record.first_byte_s is not None and not failures:
            metrics.overhead(record.first_byte_s - upstream_s)
        saved_usd = _saved_usd(call, record)
        if saved_usd is not None:
            metrics.saved(self._label, saved_usd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or self._over:
            return
        self._over = True
        status = _status(error)
        self._observer.metrics.refused(self._label, status)
        if self._observer.log is not None:
            seconds = time.perf_counter() - self._start
            head = head_of(self.request_id, self._tenant, status, self.trace_id)
            self._observer.log.refused(head, code_of(error), seconds)
        if self._span is not None:
            if self._tenant is not None:
                self._span.set({"avengers.tenant": self._tenant.id})
            end(self._span, status, code_of(error))


def _status(error: BaseException | None) -> int:
    if isinstance(error, ServingError):
        return error.status
    if error is None or isinstance(error, asyncio.CancelledError | GeneratorExit):
        return _CLIENT_GONE
    return _OURS


def code_of(error: BaseException) -> str:
    """What went wrong, of bounded variety; never a message."""
    if isinstance(error, ServingError):
        return error.code or error.error_type
    return type(error).__name__


def _saved_usd(call: Call, record: UsageRecord) -> float | None:
    """Against the tenant's reference model for the same tokens; None: not known."""
    name = call.plan.tenant.config.reference_model
    spec = call.directory.specs.get(name) if name else None
    prompt, completion = record.prompt_tokens, record.completion_tokens
    if spec is None or record.cost_usd is None:
        return None
    if prompt is None or completion is None:
        return None
    reference_usd = spec.price.cost_usd(prompt, completion)
    return None if reference_usd is None else reference_usd - record.cost_usd
