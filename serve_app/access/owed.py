"""What a replica has of an allowance, and may not draw on: it is to be given back, or
free only once the Ledger knows of it."""

from deployments.limits.ledger_protocol import Resource, Return

_ROUNDING = 1e-9


class Owed:
    """Amounts of one allowance, by its period; of a rate by the tick, where < 0 was
    used in that tick."""

    __slots__ = ("_amounts",)

    def __init__(self) -> None:
        self._amounts: dict[int, float] = {}

    def __bool__(self) -> bool:
        return bool(self._amounts)

    def add(self, period: int, amount: float) -> None:
        """So much more."""
        self._amounts[period] = self._amounts.get(period, 0.0) + amount

    def take(self, resource: Resource) -> list[Return]:
        """All of it, which is owed no longer."""
        amounts, self._amounts = self._amounts, {}
        return [
            Return(resource, period, amount)
            for period, amount in amounts.items()
            if abs(amount) > _ROUNDING
        ]


class Freed:
    """What corrections have freed of what was settled, and the Ledger is to be told."""

    __slots__ = ("_amounts",)

    def __init__(self) -> None:
        self._amounts: list[tuple[float, float]] = []  # when, how much

    def __bool__(self) -> bool:
        return bool(self._amounts)

    def add(self, now: float, amount: float) -> None:
        """So much more."""
        self._amounts.append((now, amount))

    def take(self, reported: float) -> float:
        """What came before: that is with the Ledger."""
        if not self._amounts:
            return 0.0
        known = sum(amount for at, amount in self._amounts if at < reported)
        self._amounts = [each for each in self._amounts if each[0] >= reported]
        return known

    def clear(self) -> None:
        """It is nobody's here any more."""
        self._amounts = []
