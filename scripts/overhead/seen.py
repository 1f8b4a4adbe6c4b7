"""What came of a load, and quantiles of it."""

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Seen:
    """What came of it. `rate`: answers per second, of a closed loop while all of its
    connections were busy."""

    rate: float = 0.0
    latency_ms: list[float] = field(default_factory=list)
    first_token_ms: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def answers(self) -> int:
        return len(self.latency_ms)

    def note(self, error: str) -> None:
        self.errors[error] = self.errors.get(error, 0) + 1


def quantile(values: list[float], share: float) -> float:
    """NaN of nothing; the median for 0.5."""
    if not values:
        return float("nan")
    if share == 0.5:
        return median(values)
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
