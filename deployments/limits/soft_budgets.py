"""Tenants that have spent their soft budget: they are warned, and go on."""

import logging
from collections.abc import Callable

from deployments.limits.ledger_protocol import BudgetState

logger = logging.getLogger(__name__)


class SoftBudgets:
    """As last seen, those that are over; the log tells of each once a period."""

    def __init__(self) -> None:
        self._over: dict[tuple[str, float], BudgetState] = {}

    def look(self, state: BudgetState) -> None:
        """A tenant's budget has changed."""
        key = state.tenant, state.start.timestamp()
        if not state.soft_budget_reached:
            self._over.pop(key, None)
            return
        if key not in self._over:
            what = "tenant %s has spent %.2f USD; its soft budget is %.2f"
            logger.warning(what, state.tenant, state.spend, state.soft_budget)
        self._over[key] = state

    def keep(self, is_present: Callable[[BudgetState], bool]) -> None:
        """All others are gone."""
        for key, state in list(self._over.items()):
            if not is_present(state):
                del self._over[key]

    def reached(self, now: float) -> list[BudgetState]:
        """Those whose period is not over."""
        for key, state in list(self._over.items()):
            if state.end.timestamp() <= now:
                del self._over[key]
        return [state for _, state in sorted(self._over.items())]
