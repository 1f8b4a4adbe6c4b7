"""How many failures open a circuit breaker, and for how long."""

from pydantic import BaseModel, ConfigDict, Field


class BreakerConfig(BaseModel):
    """When a model is left alone, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures: int = Field(default=5, ge=1, description="failures that may open it")
    share: float = Field(
        default=0.5, gt=0, le=1, description="of the recent attempts that failed"
    )
    window: int = Field(default=20, ge=1, description="attempts that count as recent")
    window_s: float = Field(default=60.0, gt=0, description="and not older than this")
    open_s: float = Field(default=10.0, gt=0, description="doubles while probes fail")
    max_open_s: float = Field(
        default=300.0, gt=0, description="also the longest Retry-After that is obeyed"
    )
