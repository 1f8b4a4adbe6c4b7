"""Who watches a request: what it is told, and by whom traces are continued."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from deployments.errors import ServingError
from deployments.protocol.backend import Settlement
from deployments.usage.record import UsageRecord
from serve_app.answering.failure import Failure

if TYPE_CHECKING:
    from serve_app.answering.call import Call
    from serve_app.answering.choosing import Choice


class Watch(Protocol):
    """Follows one request; never disturbs it."""

    @property
    def traceparent(self) -> str | None:
        """What continues its trace; None: it is not traced."""

    def chosen(self, call: "Call", choice: "Choice") -> None:
        """Models were chosen for it."""

    def ended(
        self,
        call: "Call",
        record: UsageRecord,
        failures: Sequence[Failure],
        *,
        settlement: Settlement | None = None,
        error: ServingError | None = None,
    ) -> None:
        """Its answer is complete, or has failed, or (neither) its client is gone."""


class Unwatched:
    """Nobody does."""

    traceparent: str | None = None

    def chosen(self, call: "Call", choice: "Choice") -> None:
        """Nothing."""

    def ended(
        self,
        call: "Call",
        record: UsageRecord,
        failures: Sequence[Failure],
        *,
        settlement: Settlement | None = None,
        error: ServingError | None = None,
    ) -> None:
        """Nothing."""
