"""The log of requests: one JSON object a line, without prompts unless told so."""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from deployments.usage.record import UsageRecord
from serve_app.access.tenants import Tenant
from serve_app.answering.call import Call

logger = logging.getLogger(__name__)
# A handler takes as long for a record of many lines as for one.
_GATHER_S = 0.1


class RequestLog:
    """Writes to `handler`, what gathers in a tenth of a second at once.

    Used in one event loop. A process that is killed takes the lines of the last moment
    with it; what was used is in the journal then.
    """

    def __init__(self, handler: logging.Handler, *, prompts: bool = False) -> None:
        handler.setFormatter(logging.Formatter("%(message)s"))
        # Python's own would print the lines to stderr, and prompts with them.
        handler.handleError = self._lost  # type: ignore[method-assign]
        self._handler = handler
        self._prompts = prompts
        self._lines: list[bytes] = []
        self._flushing: asyncio.TimerHandle | None = None
        self._fault: str | None = None  # why the last lines were not written

    def ended(
        self, call: Call, record: UsageRecord, status: int, trace_id: str | None
    ) -> None:
        """A request that models were chosen for."""
        tenant = call.plan.tenant
        line = {
            "at": _utc(record.at),
            **head_of(call.request_id, tenant, status, trace_id),
            "error": record.error,
            "surface": record.surface,
            "stream": record.stream,
            "requested_model": record.requested_model,
            "model": record.model,
            "backend": record.backend,
            "provider": record.provider,
            "cause": record.cause,
            "cost_tier": record.cost_tier,
            "alpha": record.alpha,
            "artifact": record.artifact_id,
            "out_of_distribution": record.out_of_distribution,
            "failures": record.failures,
            "latency_s": round(record.latency_s, 6),
            "first_byte_s": _rounded(record.first_byte_s),
            "prompt_tokens": record.prompt_tokens,
            "completion_tokens": record.completion_tokens,
            "cost_usd": record.cost_usd,
            "cost_source": record.cost_source,
        }
        if self._prompts:
            line["messages"] = [
                message.model_dump(exclude_none=True)
                for message in call.chat.request.messages
            ]
        self._write(line)

    def refused(self, head: Mapping[str, Any], error: str, seconds: float) -> None:
        """A request that ended before."""
        at = _utc(time.time() - seconds)
        latency_s = round(seconds, 6)
        self._write({"at": at, **head, "error": error, "latency_s": latency_s})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._lines.append(orjson.dumps(line))
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            self._flushing = loop.call_later(_GATHER_S, self.flush)

    def flush(self) -> None:
        """Write what has gathered."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        lines, self._lines = self._lines, []
        if not lines:
            return
        text = b"\n".join(lines).decode()
        record = logging.LogRecord(
            "avengers.requests", logging.INFO, "", 0, text, None, None
        )
        before, self._fault = self._fault, None
        self._handler.handle(record)
        if self._fault is not None and before is None:
            logger.error("requests are not logged any more: %s", self._fault)

    def _lost(self, record: logging.LogRecord) -> None:
        # A message that is not of the system may quote what could not be written.
        fault = sys.exception()
        self._fault = getattr(fault, "strerror", None) or type(fault).__name__


def stdout_handler() -> logging.Handler:
    """The process's standard output."""
    return logging.StreamHandler(sys.stdout)


def head_of(
    request_id: str, tenant: Tenant | None, status: int, trace_id: str | None
) -> dict[str, Any]:
    """What each line begins with."""
    return {
        "request_id": request_id,
        "trace_id": trace_id,
        "tenant": tenant.id if tenant else None,
        "key_id": tenant.key_id if tenant else None,
        "status": status,
    }


def _utc(at: float) -> str:
    at_utc = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return at_utc.removesuffix("+00:00") + "Z"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
