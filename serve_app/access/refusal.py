"""What the Ledger has refused a moment ago: nobody asks for it again at once."""

import math

_LONGEST_S = 0.1


class Refusal:
    """Of one allowance, the last one."""

    __slots__ = ("_from_amount", "_until")

    def __init__(self) -> None:
        self._from_amount = math.inf
        self._until = 0.0

    def note(self, from_amount: float, now: float, good_for_s: float | None) -> None:
        """So much or more is not to be had; `good_for_s`: see Grant."""
        for_s = _LONGEST_S if good_for_s is None else min(_LONGEST_S, good_for_s)
        self._from_amount, self._until = from_amount, now + for_s

    def holds(self, amount: float, now: float) -> bool:
        """Whether so much was refused a moment ago."""
        return now < self._until and amount >= self._from_amount

    def forget(self) -> None:
        """There may be more by now."""
        self._from_amount, self._until = math.inf, 0.0
