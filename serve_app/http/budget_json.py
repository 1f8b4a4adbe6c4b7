"""A tenant's budget as JSON."""

from dataclasses import asdict
from typing import Any

from deployments.limits.ledger_protocol import BudgetState


def shown_budget(state: BudgetState) -> dict[str, Any]:
    """USD. `left`: what is neither spent nor leased to a replica; null = no limit."""
    left = None
    if state.max_budget is not None:
        left = max(0.0, state.max_budget - state.spend - state.leased)
    reached = state.soft_budget_reached
    return {**asdict(state), "soft_budget_reached": reached, "left": left}
