"""What configures the Gateway's metrics and its log of requests."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class MetricsConfig(BaseModel):
    """How much detail metrics have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tenants: int = Field(
        default=100,
        ge=0,
        description="so many tenants have a label of their own: those of the "
        "configuration first, then the store's by id; the others are one, `other`",
    )


class LoggingConfig(BaseModel):
    """The log of requests: one JSON object a line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Literal["file", "stdout", "off"] = Field(
        default="file",
        description="file: beside the replica's log; stdout: the replica's, which Ray "
        "keeps in a file, too, unless RAY_LOG_TO_STDERR=1",
    )
    prompts: bool = Field(default=False, description="the messages, too, as they came")
    kept_mib: int = Field(
        default=2048,
        ge=0,
        description="of the files of replicas that are gone, on each node; the oldest "
        "are deleted",
    )

    @field_validator("requests", mode="before")
    @classmethod
    def _as_yaml_says_it(cls, value: object) -> object:
        return "off" if value is False else value  # without quotes `off` is false
