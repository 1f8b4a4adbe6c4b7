"""A tenant's budget as JSON, and the warning that its soft budget is used up."""

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


def budget_warning(state: BudgetState) -> str:
    """The header `x-budget-warning` of each answer until the period ends."""
    return (
        f"{state.spend:.2f} USD are spent, the soft budget is {state.soft_budget:.2f}; "
        f"it begins anew at {state.end:%Y-%m-%dT%H:%MZ}"
    )
