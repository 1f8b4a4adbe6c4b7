"""Gives lines of a journal to the Ledger, and finds those that it will not take."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from deployments.errors import ServingError
from deployments.usage.record import UsageRecord

PATIENCE_S = 30.0  # with one call of the Ledger
_TRY_AGAIN = (408, 429)

# Each with its place among the lines.
_Placed = tuple[int, UsageRecord]
# Why a line is refused, by its place.
Refusals = dict[int, str]


class Receiver(Protocol):
    """What is needed of a LedgerLike."""

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """Take records into the store: all or none."""

    async def close_replica(self, replica: str) -> None:
        """All records of a replica that is gone have been taken."""


async def deliver(receiver: Receiver, lines: Sequence[bytes]) -> Refusals:
    """Returns once each line was taken or refused for good.

    ServingError or TimeoutError: the Ledger is not there, and all is to be given again.
    """
    refusals: Refusals = {}
    records = await asyncio.to_thread(_parse, lines, refusals)
    await _give(receiver, records, refusals)
    return refusals


def _parse(lines: Sequence[bytes], refusals: Refusals) -> list[_Placed]:
    records = []
    for place, line in enumerate(lines):
        if not line:
            continue
        try:
            records.append((place, UsageRecord.from_json(line)))
        except ValueError as error:
            refusals[place] = str(error)
    return records


async def _give(
    receiver: Receiver, records: Sequence[_Placed], refusals: Refusals
) -> None:
    """Halves what is refused until each broken record stands alone."""
    if not records:
        return
    try:
        async with asyncio.timeout(PATIENCE_S):
            await receiver.ingest([record for _, record in records])
    except (ServingError, ValueError) as error:
        if not _is_final(error):
            raise
        if len(records) == 1:
            [(place, record)] = records
            refusals[place] = f"{record.id}: {error}"
            return
        middle = len(records) // 2
        await _give(receiver, records[:middle], refusals)
        await _give(receiver, records[middle:], refusals)


def _is_final(error: Exception) -> bool:
    """Whether it is the records that are wrong, and not the moment."""
    if isinstance(error, ServingError):
        return error.status < 500 and error.status not in _TRY_AGAIN
    return True
