"""What configures the database. Knows no SQL: it crosses to replicas."""

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.plain_number import PLAIN_NUMBER

_Days = Annotated[float, Field(gt=0), PLAIN_NUMBER]


class DatabaseConfig(BaseModel):
    """Where tenants, keys, budgets and usage are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(
        default=None,
        description="sqlite:///PATH, ~ and $VARIABLES filled in, or "
        "postgresql://USER@HOST/NAME, for which asyncpg has to be installed",
    )
    url_env: str | None = Field(
        default=None, description="environment variable with the url, in its place"
    )
    password_env: str | None = Field(
        default=None,
        description="environment variable with its password; SQLite needs none",
    )
    usage_kept_days: _Days | None = Field(
        default=None, description="older usage records are deleted; none = never"
    )

    @model_validator(mode="after")
    def _one_url(self) -> "DatabaseConfig":
        if (self.url is None) == (self.url_env is None):
            raise ValueError("either url or url_env")
        return self

    def address(self, environment: Mapping[str, str] = os.environ) -> str:
        """The url; ValueError names the variable where it is not set."""
        url = self.url or environment.get(self.url_env or "")
        if not url:
            raise ValueError(f"database.url_env: {self.url_env} is not set")
        return url
