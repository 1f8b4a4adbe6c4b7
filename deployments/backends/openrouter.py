"""OpenRouter, or any other upstream that speaks OpenAI's HTTP."""

import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import orjson

from deployments.backends.chat_events import json_object
from deployments.backends.chat_stream import ChatStream
from deployments.backends.exchange import Transport
from deployments.backends.generation import settlement_of_generation
from deployments.backends.open_reply import OpenReply, generation_id
from deployments.backends.patience import Patience
from deployments.backends.responses_stream import ResponsesStream
from deployments.backends.settling import settle
from deployments.backends.stream_end import Followed, end
from deployments.backends.upstream import UpstreamClient
from deployments.backends.upstream_config import OpenRouterConfig, UpstreamConfig
from deployments.backends.whole_answer import settled
from deployments.errors import InvalidRequest, ServingError, UpstreamRefusal
from deployments.protocol.backend import (
    Answer,
    BackendRequest,
    Ending,
    Item,
    Settlement,
)

__all__ = ["OpenRouterBackend", "OpenRouterConfig", "UpstreamConfig"]

_GENERATION_TIMEOUT_S = 5.0


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
        transport: Transport | None = None,
    ) -> None:
        self._config = config
        self._api_key = api_key
        self._environment = environment
        self._client = UpstreamClient(
            config.base_url,
            headers=config.headers,
            http2=config.http2,
            gather_s=config.gather_s,
            transport=transport,
        )

    @classmethod
    def configured(cls, config: UpstreamConfig) -> "OpenRouterBackend":
        """With its key from the environment; ValueError names the variable."""
        return cls(config, config.api_key())

    @property
    def gathers(self) -> bool:
        """Whether streams come in gathered frames."""
        return self._client.can_pause

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer, its `model` replaced by the public id."""
        self._check(request)
        key = self._key(request)
        asked = time.perf_counter()
        answer = await self._client.post(
            request.surface,
            request.body,
            request.timeouts,
            key,
            self._traceparent(request),
        )
        upstream_s = time.perf_counter() - asked
        data = json_object(answer, "answer")
        settlement = settled(request, data, upstream_s)
        data["model"] = request.model
        return Answer(orjson.dumps(data), settlement)

    async def stream(self, request: BackendRequest) -> AsyncIterator[Item]:
        """Events as they arrive, the last of them with the settlement.

        The first two go at once, what announces the answer with the first; later ones
        in frames of what has gathered, if the transport can wait for that.
        """
        self._check(request)
        follows = ResponsesStream if request.surface == "responses" else ChatStream
        answer = follows(request.model)
        patience = Patience(request.timeouts)
        asked, upstream_s, events = time.perf_counter(), None, b""
        try:
            async with self._opening(request, patience) as reply:
                chunks, named, pause = reply.chunks(), generation_id(reply), reply.pause
                while not answer.done:
                    async with patience.waiting(named):
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        events = b""
                        break
                    events = answer.feed(chunk)
                    patience.saw(answer.n_events)
                    if events:
                        upstream_s = upstream_s or time.perf_counter() - asked
                    if events and not answer.done:
                        with patience.excused():
                            yield events
                    if answer.failure:
                        raise answer.failure
                    if events and pause and answer.n_events > 1 and not answer.done:
                        await pause()
                await end(answer, chunks)
        except ServingError as error:
            named = error.generation_id
            told = _settled(request, answer, named, upstream_s)
            error.settlement = replace(told, early=answer.early)
            raise
        settlement = _settled(request, answer, named, upstream_s)
        yield Ending(events, settlement) if events else settlement

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

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _opening(self, request: BackendRequest, patience: Patience) -> OpenReply:
        return self._client.open_stream(
            request.surface,
            request.body,
            request.timeouts,
            patience,
            self._key(request),
            self._traceparent(request),
        )

    def _check(self, request: BackendRequest) -> None:
        if request.surface not in self._config.surfaces:
            what = f"The upstream of {request.model!r} has no /v1/{request.surface}."
            raise InvalidRequest(what, param="model", code="unsupported_endpoint")

    def _traceparent(self, request: BackendRequest) -> str | None:
        return request.traceparent if self._config.traceparent else None

    def _key(self, request: BackendRequest) -> str | None:
        if request.secret is None:
            return self._api_key
        key = self._environment.get(request.secret, "").strip()
        if not key:
            # Never the operator's key instead: the tenant would not be billed. Nor will
            # it be there a moment later: a replica keeps its environment.
            what = "The tenant's own key for this upstream is not set."
            raise UpstreamRefusal(what, code="tenant_key_missing")
        return key


def _settled(
    request: BackendRequest,
    answer: Followed,
    generation_id: str | None,
    upstream_s: float | None,
) -> Settlement:
    return settle(
        request,
        answer.usage,
        answer.cost_usd,
        answer.provider,
        generation_id=generation_id,
        upstream_s=upstream_s,
        said=answer.said if isinstance(answer, ChatStream) else None,
        shown=answer.shown,
    )
