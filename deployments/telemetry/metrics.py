"""What the Embedder and the Ledger count."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from deployments.telemetry.families import (
    BATCH_SIZE,
    BATCH_TOKENS,
    BUDGET,
    BUDGET_REMAINING,
    CACHE_HITS,
    EMBEDDED_TEXTS,
    UNREADABLE_TENANTS,
)
from deployments.telemetry.family import Family
from deployments.telemetry.tally import Labels, Silent, Tally


class EmbedderMetrics:
    """Of one Embedder."""

    def __init__(self, tally: Tally | None = None) -> None:
        self._tally = tally or Silent()

    def asked(self, n_texts: int) -> None:
        """Texts were asked for."""
        self._tally.count(EMBEDDED_TEXTS, by=n_texts)

    def hit(self, n_texts: int = 1) -> None:
        """The vectors of so many of them were in the cache."""
        self._tally.count(CACHE_HITS, by=n_texts)

    def batch(self, n_texts: int, tokens: float) -> None:
        """Texts go to the encoder together."""
        self._tally.observe(BATCH_SIZE, n_texts)
        self._tally.observe(BATCH_TOKENS, tokens)


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """A tenant's budget in its current period, and what is left of it; USD."""

    tenant: str
    budget_usd: float
    remaining_usd: float


class LedgerMetrics:
    """Of the Ledger; `budgets` tells those that are nearest to their end, `unreadable`
    how many tenants are shut because their rows make no sense."""

    def __init__(
        self,
        tally: Tally,
        budgets: Callable[[], Iterable[BudgetLeft]],
        unreadable: Callable[[], int],
    ) -> None:
        self._tally = tally
        self._budgets = budgets
        self._unreadable = unreadable
        tally.watch(self._read)

    def start(self) -> None:
        """Begin to tell, in the running loop."""
        self._tally.start()

    def _read(self) -> Iterator[tuple[Family, Labels, float]]:
        for left in self._budgets():
            yield BUDGET, (left.tenant,), left.budget_usd
            yield BUDGET_REMAINING, (left.tenant,), left.remaining_usd
        yield UNREADABLE_TENANTS, (), self._unreadable()
