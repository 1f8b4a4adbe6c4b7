"""What is known of requests without their prompts, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """n requests that one artifact has decided; nan and −1 = not known.

    `model` is the artifact's column of the model that answered, −1: none of its models
    has. `cost_usd` and `completion_tokens` are of that model's answer alone.
    """

    cluster: NDArray[np.intp]  # the nearest, (n,)
    similarity: NDArray[np.float64]  # to its centroid
    strange: NDArray[np.bool_]  # out of distribution
    model: NDArray[np.intp]
    cost_usd: NDArray[np.float64]
    completion_tokens: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.cluster)


@dataclass(frozen=True, slots=True)
class Tries:
    """How often something was tried, and failed."""

    n: int
    failed: int
