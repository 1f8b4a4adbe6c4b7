"""Gives lines of a journal to the Ledger, and finds those that it will not take."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from deployments.errors import ServingError
from deployments.usage.record import UsageRecord

PATIENCE_S = 30.0  # with one call of the Ledger
_TRY_AGAIN = (408, 429)


class Receiver(Protocol):
    """What is needed of a LedgerLike."""

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """Take records into the store: all or none."""

    async def close_replica(self, replica: str) -> None:
        """All records of a replica that is gone have been taken."""


@dataclass(slots=True)
class Refusals:
    """Lines that are broken, and what was said of the first."""

    why: str = ""
    lines: list[bytes] = field(default_factory=list)

    def add(self, line: bytes, why: str) -> None:
        """One more."""
        self.why = self.why or why
        self.lines.append(line)


async def deliver(receiver: Receiver, lines: Sequence[bytes]) -> Refusals:
    """Returns once each line was taken or refused for good.

    ServingError or TimeoutError: the Ledger is not there, and all is to be given again.
    """
    refusals = Refusals()
    records = await asyncio.to_thread(_parse, lines, refusals)
    await _give(receiver, records, refusals)
    return refusals


def _parse(lines: Sequence[bytes], refusals: Refusals) -> list[UsageRecord]:
    records = []
    for line in filter(None, lines):
        try:
            records.append(UsageRecord.from_json(line))
        except ValueError as error:
            # Of a newer release, perhaps: it is kept.
            refusals.add(line, str(error))
    return records


async def _give(
    receiver: Receiver, records: Sequence[UsageRecord], refusals: Refusals
) -> None:
    """Halves what is refused until each broken record stands alone."""
    if not records:
        return
    try:
        async with asyncio.timeout(PATIENCE_S):
            await receiver.ingest(records)
    except (ServingError, ValueError) as error:
        if not _is_final(error):
            raise
        if len(records) == 1:
            refusals.add(records[0].to_json(), f"{records[0].id}: {error}")
            return
        middle = len(records) // 2
        await _give(receiver, records[:middle], refusals)
        await _give(receiver, records[middle:], refusals)


def _is_final(error: Exception) -> bool:
    """Whether it is the records that are wrong, and not the moment."""
    if isinstance(error, ServingError):
        return error.status < 500 and error.status not in _TRY_AGAIN
    return True
