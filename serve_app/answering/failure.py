"""A model that was tried, or passed over, and why: told to clients and recorded."""

from dataclasses import dataclass

# Why a model was passed over.
BREAKER_OPEN = "breaker_open"
OVER_BUDGET = "over_budget"
# Why it was asked again: without the reasoning that had come back in the conversation.
REASONING_REFUSED = "reasoning_refused"


@dataclass(frozen=True, slots=True)
class Failure:
    """One model on a request's way, which did not answer it."""

    model: str
    reason: str  # an error's code, or one of those above
