"""Where usage records go, once and again for what is told of their charges later."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from deployments.usage.record import UsageRecord
from serve_app.answering.correction import Charges, Corrections, Revising
from serve_app.answering.shadowed import Shadowed

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Where records go."""

    def append(self, record: UsageRecord) -> None:
        """Keep one record; OSError if that cannot be."""

    def check(self) -> None:
        """Overloaded if the record of a new request could not be kept."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Writes records to a sink, if there is one.

    `on_correction` is told each further revision, and how much more that counts.
    """

    sink: Sink | None
    corrections: Corrections
    on_correction: Callable[[UsageRecord, float], None] | None = None

    def write(
        self,
        record: UsageRecord,
        charges: Charges,
        shadowed: Shadowed | None,
        release: Callable[[], None],
    ) -> None:
        """Now, and again while `charges` are told; `release`: see Revising."""
        self._append(record)
        if self.sink is None or not charges.worth_asking:
            release()
            return
        Revising(
            record,
            charges,
            shadowed,
            corrections=self.corrections,
            write=self._revised,
            release=release,
        ).begin()

    def _revised(self, record: UsageRecord, more_usd: float) -> None:
        if self.on_correction is not None:
            self.on_correction(record, more_usd)
        self._append(record)

    def _append(self, record: UsageRecord) -> None:
        if self.sink is None:
            return
        try:
            self.sink.append(record)
        except OSError as error:
            what = "usage record %s could not be written: %s"
            logger.critical(what, record.id, error.strerror or error)
