"""OpenRouter, or any other upstream that speaks OpenAI's HTTP."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field

from deployments.chat_stream import ChatStream, cost_of, usage_of
from deployments.errors import InvalidRequest, ServingError, UpstreamError
from deployments.generation import settlement_of_generation
from deployments.patience import Patience
from deployments.protocol import Answer, BackendRequest, Settlement, Surface, Usage
from deployments.upstream import UpstreamClient
from deployments.upstream_errors import reported_error

_DRAIN_S = 0.05
_GENERATION_TIMEOUT_S = 5.0

# Asks OpenRouter for `usage.cost`: what it charged, not what a table says.
REQUEST_DEFAULTS: dict[str, Any] = {"usage": {"include": True}}


class UpstreamConfig(BaseModel):
    """An upstream that speaks OpenAI's HTTP; its key stays in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
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
    generation_costs: bool = Field(
        default=False,
        description="GET generation?id= tells what a broken-off answer was charged",
    )

    def api_key(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The key; KeyError names the variable where it is not set."""
        return environment[self.api_key_env] if self.api_key_env else None

    def has_key(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether no key is needed, or the variable is set to something."""
        return self.api_key_env is None or bool(environment.get(self.api_key_env))


class OpenRouterConfig(UpstreamConfig):
    """OpenRouter; the headers are how it attributes requests to an application."""

    base_url: str = "https://openrouter.ai/api/v1/"
    api_key_env: str | None = "OPENROUTER_API_KEY"
    surfaces: frozenset[Surface] = frozenset(
        {"chat/completions", "completions", "responses"}
    )
    headers: dict[str, str] = Field(default={"x-title": "avengers-serve"})
    request_defaults: dict[str, Any] = Field(default=REQUEST_DEFAULTS)
    generation_costs: bool = True


class OpenRouterBackend:
    """Passes requests on, and reads what they used and cost.

    `environment` holds the tenants' own keys by the names that requests carry.
    """

    def __init__(
        self,
        config: UpstreamConfig,
        api_key: str | None,
        *,
        environment: Mapping[str, str] = os.environ,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._config = config
        self._api_key = api_key
        self._environment = environment
        self._client = UpstreamClient(
            config.base_url, headers=config.headers, transport=transport
        )

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer, its `model` replaced by the public id."""
        self._check(request)
        key = self._key(request)
        answer = await self._client.post(
            request.surface, request.body, request.timeouts, key
        )
        data = _answer_object(answer)
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
        self._check(request)
        chat = ChatStream(request.model)
        patience = Patience(request.timeouts)
        source = self._client.post_stream(
            request.surface, request.body, request.timeouts, self._key(request)
        )
        async with aclosing(source) as chunks:  # type: ignore[type-var]
            while not chat.done:
                try:
                    async with asyncio.timeout_at(patience.until):
                        chunk = await anext(chunks, b"")
                except TimeoutError:
                    raise patience.over() from None
                if not chunk:
                    break
                events = chat.feed(chunk)
                patience.saw(chat.n_events)
                if events:
                    yield events
            if chat.done:
                await _drain(chunks)
        chat.finish()
        yield settle(request, chat.usage, chat.cost_usd, chat.provider)

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """What OpenRouter charged for an answer that broke off; None if not known."""
        if not self._config.generation_costs:
            return None
        found = await self._client.get(
            "generation",
            {"id": generation_id},
            self._key(request),
            _GENERATION_TIMEOUT_S,
        )
        return None if found is None else settlement_of_generation(found)

    def _check(self, request: BackendRequest) -> None:
        if request.surface not in self._config.surfaces:
            what = f"The upstream of {request.model!r} has no /v1/{request.surface}."
            raise InvalidRequest(what, param="model", code="unsupported_endpoint")

    def _key(self, request: BackendRequest) -> str | None:
        if request.secret is None:
            return self._api_key
        key = self._environment.get(request.secret)
        if not key:
            # Never the operator's key instead: the tenant would not be billed.
            what = "The tenant's own key for this upstream is not set."
            raise UpstreamError(what, code="tenant_key_missing")
        return key


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
    if usage is not None:
        cost_usd = request.price.cost_usd(
            usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens or 0
        )
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
        raise reported_error(data["error"])
    return data
