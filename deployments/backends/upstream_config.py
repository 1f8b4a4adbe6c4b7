"""What configures an upstream that speaks OpenAI's HTTP."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from deployments.backends.sse import GATHER_S
from deployments.protocol.backend import Surface

# Asks OpenRouter for `usage.cost`: what it charged, not what a table says.
REQUEST_DEFAULTS: dict[str, Any] = {"usage": {"include": True}}


class UpstreamConfig(BaseModel):
    """An upstream that speaks OpenAI's HTTP; its key stays in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(
        description="to which chat/completions and the like are appended"
    )
    api_key_env: str | None = Field(
        default=None, description="environment variable with the key; none = no key"
    )
    surfaces: frozenset[Surface] = Field(
        default=frozenset({"chat/completions"}), description="paths that it answers"
    )
    headers: dict[str, str] = Field(default={}, description="sent with each request")
    request_defaults: dict[str, Any] = Field(
        default={}, description="sent in the body where the client says nothing"
    )
    http2: bool = Field(
        default=False,
        description="HTTP/2: fewer connections; but a front end that closes one in "
        "good order (GOAWAY) breaks the answers in flight on it, as httpcore reads it",
    )
    gather_ms: float = Field(
        default=1e3 * GATHER_S,
        ge=1,
        le=1000,
        description="how long the events of a stream gather, after the first two, to "
        "go on together: longer costs less processor time",
    )
    traceparent: bool = Field(
        default=False, description="send W3C's header with requests that are traced"
    )
    generation_costs: bool = Field(
        default=False,
        description="GET generation?id= tells what a broken-off answer was charged",
    )

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            url = urlsplit(value)
            known = url.scheme in {"http", "https"} and bool(url.hostname)
        except ValueError:
            known = False
        if not known:
            raise ValueError("an address with http:// or https:// was expected")
        return value

    @property
    def gather_s(self) -> float:
        """In seconds."""
        return self.gather_ms / 1e3

    def api_key(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The key; ValueError names the variable where it is not set."""
        if self.api_key_env is None:
            return None
        key = environment.get(self.api_key_env, "").strip()
        if not key:
            raise ValueError(f"api_key_env: {self.api_key_env} is not set")
        return key

    def has_key(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether no key is needed, or the variable is set to something."""
        key = environment.get(self.api_key_env or "", "")
        return self.api_key_env is None or bool(key.strip())


def _again(name: str, default: Any) -> Any:
    """The field with another default."""
    told = UpstreamConfig.model_fields[name].description
    return Field(default=default, description=told)


class OpenRouterConfig(UpstreamConfig):
    """OpenRouter; the headers are how it attributes requests to an application."""

    base_url: str = _again("base_url", "https://openrouter.ai/api/v1/")
    api_key_env: str | None = _again("api_key_env", "OPENROUTER_API_KEY")
    surfaces: frozenset[Surface] = _again(
        "surfaces", frozenset({"chat/completions", "completions", "responses"})
    )
    headers: dict[str, str] = _again("headers", {"x-title": "avengers-serve"})
    request_defaults: dict[str, Any] = Field(
        default=REQUEST_DEFAULTS,
        description="sent in the body where the client says nothing; `usage` is sent "
        "beside what is stated here",
    )
    generation_costs: bool = _again("generation_costs", True)

    @field_validator("request_defaults")
    @classmethod
    def _with_usage(cls, stated: dict[str, Any]) -> dict[str, Any]:
        """Whoever states another default (`provider`, say) does not mean to lose ours:
        without it the cost of each answer would have to be asked for."""
        return {**REQUEST_DEFAULTS, **stated}
