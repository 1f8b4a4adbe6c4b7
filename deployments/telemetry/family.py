"""What one metric is. Ray puts `ray_` before each name when it is scraped."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, eq=False, slots=True)
class Family:
    """One metric; `buckets` are the upper bounds of a histogram's."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def scraped(self) -> str:
        """What Prometheus calls it; a histogram has `_bucket`, `_sum` and `_count`."""
        return f"ray_{self.name}"
