"""Which refusals of the Ledger are the records' fault."""

from collections.abc import Sequence

import pytest

from deployments.errors import InvalidRequest, Overloaded, RateLimited, RequestTimeout
from deployments.usage.delivery import deliver
from deployments.usage.record import UsageRecord
from tests.deployments.store.made import record

LINES = [record(f"use-{number}").to_json() for number in range(4)]


class Refusing:
    """A Ledger that refuses whatever holds the record `use-2`."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.taken: list[str] = []

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        ids = [each.id for each in records]
        if "use-2" in ids:
            raise self._error
        self.taken += ids
        return len(ids)

    async def close_replica(self, replica: str) -> None:
        pass


async def test_a_record_that_is_wrong_is_found_among_the_others():
    ledger = Refusing(InvalidRequest("it is wrong"))

    refusals = await deliver(ledger, LINES)

    assert refusals == {2: "use-2: it is wrong"}
    assert ledger.taken == ["use-0", "use-1", "use-3"]


@pytest.mark.parametrize("error", [RequestTimeout, RateLimited, Overloaded])
async def test_a_moment_that_is_wrong_rejects_nothing(error):
    ledger = Refusing(error("later"))

    with pytest.raises(error):
        await deliver(ledger, LINES)

    assert ledger.taken == []


async def test_of_lines_that_are_no_records_the_places_are_told():
    ledger = Refusing(InvalidRequest("it is wrong"))

    refusals = await deliver(ledger, [b"", b"{", LINES[0], b"[]", LINES[2]])

    assert list(refusals) == [1, 3, 4]
    assert ledger.taken == ["use-0"]
