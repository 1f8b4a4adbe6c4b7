"""How a Gateway replica fares, beside whether it answers; `/readyz` tells it.

Metrics read the same numbers.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """As of one moment. Without a Ledger or a journal nothing is amiss with them."""

    ledger_reachable: bool = True
    usage_records_pending: int = 0  # not in SQL yet
    usage_problem: str | None = None  # why no record can be written to the journal

    def report(self) -> dict[str, object]:
        """For `/readyz`; it needs no key, so it tells no address."""
        return {
            "status": "ready",
            "ledger": "reachable" if self.ledger_reachable else "away",
            "usage_journal": "full" if self.usage_problem else "writable",
            "usage_records_pending": self.usage_records_pending,
        }
