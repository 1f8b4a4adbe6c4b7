"""The usage record of one request, from its arrival to its end, written once.

What was received of an answer that breaks off is recorded at once, as an estimate; if
its upstream tells later what it charged (`correction`), the record is written again,
and once more for what is told minutes later.
"""

import math
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from artifacts.policy import RoutingDecision
from deployments.errors import ServingError
from deployments.protocol.backend import Settlement
from deployments.usage.record import (
    Status,
    UsageRecord,
    settled_fields,
)
from serve_app.answering.chat import Chat
from serve_app.answering.correction import Ask, Charges, Corrections
from serve_app.answering.failure import Failure
from serve_app.answering.planning import Plan
from serve_app.answering.recording import Recording, Sink
from serve_app.answering.shadowed import Shadowed

_ANY_TIME = (0.0, math.inf)
# Before the end of a period: still in it, as SQL keeps it.
_MOMENT_S = 1e-3


def _nothing_held() -> None:
    """Of an answer that nothing is held for any longer."""


def _nothing() -> float:
    return 0.0


class Meter:
    """Collects what becomes the record of one request."""

    def __init__(  # noqa: PLR0913  (its collaborators, and what it is of)
        self,
        sink: Sink | None,
        plan: Plan,
        chat: Chat,
        request_id: str,
        *,
        corrections: Corrections,
        replica: str = "",
        on_correction: Callable[[UsageRecord, float], None] | None = None,
    ) -> None:
        self._recording = Recording(sink, corrections, on_correction)
        self._start = time.perf_counter()
        self._owed: list[Ask] = []
        self._shadowed: Shadowed | None = None
        self._reserved: Callable[[], float] | None = None
        self._record: UsageRecord | None = None
        # A record is made once, of all that is known in the end.
        self._fields = _asked_fields(plan, chat, request_id, replica)

    @property
    def record(self) -> UsageRecord:
        """As it was first written; only after that is there one."""
        assert self._record is not None
        return self._record

    def chosen(
        self,
        cause: str,
        decision: RoutingDecision | None,
        shadowed: Shadowed | None = None,
    ) -> None:
        """Why the models are tried that are tried, and what a shadow says to it."""
        self._fields["cause"] = cause
        if decision is not None:
            self._fields["artifact_id"] = decision.artifact_id
            self._fields["clusters"] = decision.clusters
            self._fields["out_of_distribution"] = decision.out_of_distribution
            self._fields["similarity"] = next(iter(decision.similarities), None)
        if shadowed is not None:
            self._shadowed = shadowed
            self._fields |= shadowed.fields

    def reserved(
        self,
        worst_usd: Callable[[], float],
        period: tuple[float, float] = _ANY_TIME,
    ) -> None:
        """What the model that is asked next may cost at worst: asked for only where the
        real cost stays unknown.

        `period`: from when to when that is of which it was reserved. What came before,
        or by a clock that is ahead of the Ledger's after it, counts in it, or it would
        be spent of one period and held of another.
        """
        self._reserved = worst_usd
        start, end = period
        self._fields["at"] = max(start, min(self._fields["at"], end - _MOMENT_S))

    def nothing_reserved(self) -> None:
        """No model is at work: what is not known of the cost is 0."""
        self._reserved = _nothing

    def began(self, model: str, backend: str) -> None:
        """The first byte of the answer of a model is here."""
        self._fields |= {"model": model, "backend": backend}
        self._fields["first_byte_s"] = time.perf_counter() - self._start

    def owes(self, ask: Ask) -> None:
        """A model has failed, but its upstream may have charged for it."""
        self._owed.append(ask)

    def answered(
        self, settlement: Settlement, failures: Sequence[Failure], ask: Ask | None
    ) -> None:
        """The answer is complete; `ask` where the upstream did not say what it cost."""
        fields = settled_fields(settlement)
        if self._shadowed is not None:
            cost_usd = self._shadowed.cost_usd(self._fields.get("model"), settlement)
            fields["shadow_cost_usd"] = cost_usd
        self._write("answered", failures, ask, **fields)

    def failed(self, error: ServingError, failures: Sequence[Failure]) -> None:
        """No model has answered: nothing was received."""
        # What was reserved is free again: it is not held against the budget.
        code = error.code or error.error_type
        self._write("failed", failures, None, error=code, reserved_usd=0.0)

    def broke_off(
        self,
        failures: Sequence[Failure],
        received: Settlement,
        *,
        error: str | None,
        ask: Ask | None,
        release: Callable[[], None] = _nothing_held,
    ) -> None:
        """The answer ended too early: the client is gone, or the upstream failed.

        `release`: see Revising.
        """
        status: Status = "cancelled" if error is None else "failed"
        fields = settled_fields(received)
        self._write(status, failures, ask, release, error=error, **fields)

    def _write(
        self,
        status: Status,
        failures: Sequence[Failure],
        ask: Ask | None,
        release: Callable[[], None] = _nothing_held,
        **fields: Any,
    ) -> None:
        if self._record is not None:
            return
        if fields.get("cost_usd") is None and self._reserved is not None:
            fields.setdefault("reserved_usd", self._reserved())
        self._reserved = None  # it holds the prompt, and revisions may take minutes
        self._record = record = UsageRecord(
            status=status,
            latency_s=time.perf_counter() - self._start,
            failures=tuple(f"{failure.model}={failure.reason}" for failure in failures),
            **{**self._fields, **fields},
        )
        charges = Charges(ask, self._owed)
        self._recording.write(record, charges, self._shadowed, release)


def _asked_fields(
    plan: Plan, chat: Chat, request_id: str, replica: str
) -> dict[str, Any]:
    """What is known of a request as it arrives."""
    return {
        "id": f"use-{uuid.uuid4().hex}",
        "request_id": request_id,
        "replica": replica,
        "at": time.time(),
        "tenant": plan.tenant.id,
        "key_id": plan.tenant.key_id,
        "cost_tier": plan.cost_tier,
        "alpha": plan.alpha,
        "surface": chat.surface,
        "stream": bool(chat.request.stream),
        "requested_model": chat.request.model,
    }
