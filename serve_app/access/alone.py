"""A limit by the minute that a replica keeps for itself, while the Ledger is away."""

from deployments.limits.allowances import RatePool


class Alone:
    """What was used here without the Ledger."""

    __slots__ = ("_pool",)

    def __init__(self) -> None:
        self._pool: RatePool | None = None

    def take(self, amount: float, now: float, capacity: float) -> bool:
        """Use so much; False if there is not so much. The limit may be another than it
        was before."""
        self._pool = self._pool or RatePool(capacity)
        self._pool.capacity = capacity
        return self._pool.take(amount, now)

    def is_whole(self, now: float) -> bool:
        """Nothing was used for so long that it counts."""
        return self._pool is None or self._pool.whole_at(now) <= now
