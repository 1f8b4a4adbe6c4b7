"""What configures traces."""

import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field


class TelemetryConfig(BaseModel):
    """Where traces go, and how many; off while there is no endpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = Field(
        default=None,
        pattern="^https?://",
        description="OTLP over HTTP, with its path: http://collector:4318/v1/traces",
    )
    headers_env: dict[str, str] = Field(
        default={}, description="header → environment variable with its value"
    )
    sampling: float = Field(
        default=0.01, ge=0, le=1, description="share of requests that are traced"
    )
    follow_client: bool = Field(
        default=False,
        description="a client's `traceparent` decides whether its request is traced; "
        "otherwise it only names the trace",
    )
    capture_prompts: bool = Field(
        default=False, description="the messages, too, in the spans of backends"
    )

    def headers(self, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """With their values; ValueError names a variable that is not set."""
        for name, variable in self.headers_env.items():
            if not environment.get(variable, "").strip():
                what = f"telemetry.headers_env.{name}: {variable} is not set"
                raise ValueError(what)
        # A secret made of a file ends with its line: no span would leave, and each try
        # would log the header with its value.
        return {name: environment[of].strip() for name, of in self.headers_env.items()}
