"""What a client is told whose soft budget is spent."""

from deployments.limits.ledger_protocol import BudgetState


def budget_warning(state: BudgetState) -> str:
    """The header `x-budget-warning` of each answer until the period ends."""
    return (
        f"{state.spend:.2f} USD are spent, the soft budget is {state.soft_budget:.2f}; "
        f"it begins anew at {state.end:%Y-%m-%dT%H:%MZ}"
    )
