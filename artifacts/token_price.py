"""What the tokens of a model cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """USD per token, to estimate a cost that a record does not state."""

    input_usd: float
    output_usd: float
