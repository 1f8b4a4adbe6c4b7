"""OpenRouter, or any other upstream that speaks OpenAI's chat completions."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field

from deployments.catalog import Price
from deployments.chat_stream import ChatStream, cost_of, upstream_error, usage_of
from deployments.errors import ServingError, UpstreamError
from deployments.protocol import Answer, BackendRequest, Settlement, Usage
from deployments.upstream import UpstreamClient, UpstreamTimeouts

_PATH = "chat/completions"
_DRAIN_S = 0.05

# Asks OpenRouter for `usage.cost`: what it charged, not what a table says.
REQUEST_DEFAULTS: dict[str, Any] = {"usage": {"include": True}}


class OpenRouterConfig(BaseModel):
    """Where the upstream is; its key stays in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = "https://openrouter.ai/api/v1/"
    api_key_env: str = Field(
        default="OPENROUTER_API_KEY", description="environment variable with the key"
    )
    timeouts: UpstreamTimeouts = UpstreamTimeouts()

    def api_key(self, environment: Mapping[str, str] = os.environ) -> str:
        """The key; KeyError names the variable where it is not set."""
        return environment[self.api_key_env]

    def has_key(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether the variable is set, and to something."""
        return bool(environment.get(self.api_key_env))


class OpenRouterBackend:
    """Passes chat completions on, and reads what they used and cost."""

    def __init__(
        self,
        config: OpenRouterConfig,
        api_key: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = UpstreamClient(
            config.base_url,
            headers={"authorization": f"Bearer {api_key}", "x-title": "avengers-serve"},
            timeouts=config.timeouts,
            transport=transport,
        )

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer, its `model` replaced by the public id."""
        data = _answer_object(await self._client.post(_PATH, request.body))
        data["model"] = request.model
        provider = data.get("provider")
        settlement = settle(
            request,
            usage_of(data),
            cost_of(data),
            provider if isinstance(provider, str) else None,
        )
        return Answer(orjson.dumps(data), settlement)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        """Events as they arrive, then the settlement."""
        chat = ChatStream(request.model)
        async with aclosing(self._client.post_stream(_PATH, request.body)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                if events := chat.feed(chunk):
                    yield events
                if chat.done:
                    await _drain(chunks)
                    break
        chat.finish()
        yield settle(request, chat.usage, chat.cost_usd, chat.provider)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read to the end of the body, which frees the connection for the next request.

    It should be there already; an upstream that dawdles loses the connection instead.
    """
    with suppress(TimeoutError, ServingError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass


def settle(
    request: BackendRequest,
    usage: Usage | None,
    cost_usd: float | None,
    provider: str | None,
) -> Settlement:
    """The upstream's own figure wins; else the price table; else unknown."""
    if cost_usd is not None:
        return Settlement(usage, cost_usd, "upstream", provider)
    price = Price(
        input_usd_per_token=request.input_usd_per_token,
        output_usd_per_token=request.output_usd_per_token,
    )
    if usage is not None:
        cost_usd = price.cost_usd(usage.prompt_tokens, usage.completion_tokens)
    source = "unknown" if cost_usd is None else "price_table"
    return Settlement(usage, cost_usd, source, provider)  # type: ignore[arg-type]


def _answer_object(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamError("The upstream's answer is not JSON.") from None
    if not isinstance(data, dict):
        raise UpstreamError("The upstream's answer is not an object.")
    if data.get("error"):
        raise upstream_error(data["error"])
    return data
