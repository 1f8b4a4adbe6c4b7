"""What one run is: it goes to Locust's processes through one environment variable."""

import os
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

VARIABLE = "AVENGERS_LOADTEST"
ENDED_EARLY = 3  # the exit code of a run that is good so far


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a run must keep; None = not asked for."""

    max_error_rate: float | None = 0.01
    max_refused_rate: float | None = 0.05
    max_p95_first_token_ms: float | None = 1500.0
    max_p95_pause_ms: float | None = 1000.0
    max_p95_answer_ms: float | None = None
    min_requests_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """`think_s`: the mean pause of a user between two requests."""

    profile: str = "steady"
    users: int = 20
    seconds: float = 60.0
    think_s: float = 1.0
    stream_share: float = 0.7
    queries: str | None = None
    keys: str | None = None
    seed: int = 0
    thresholds: Thresholds = field(default_factory=Thresholds)

    def in_environment(self) -> dict[str, str]:
        """For the processes of a run."""
        return {VARIABLE: orjson.dumps(asdict(self)).decode()}

    @classmethod
    def from_environment(cls) -> "Settings":
        """In a process of a run; the defaults if Locust was started by itself."""
        data: dict[str, Any] = orjson.loads(os.environ.get(VARIABLE, "{}"))
        thresholds = Thresholds(**data.pop("thresholds", {}))
        return cls(**data, thresholds=thresholds)
