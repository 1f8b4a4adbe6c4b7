"""Completions of a vLLM engine as a Backend.

Knows neither Ray nor vLLM: the engine is whatever answers a body in vLLM's words.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol

import orjson

from deployments.backends.chat_stream import ChatStream
from deployments.backends.patience import Patience
from deployments.backends.settling import settle
from deployments.backends.usage import usage_of
from deployments.backends.vllm_refusal import refusal
from deployments.errors import (
    InvalidRequest,
    Unsupported,
    UpstreamError,
    UpstreamTimeout,
)
from deployments.protocol.backend import Answer, BackendRequest, Settlement, Surface

PROVIDER = "vllm"
SURFACES: frozenset[Surface] = frozenset({"chat/completions", "completions"})

# Not for clients: these reach other machines, load files, run in the template engine,
# or overtake other tenants.
_REFUSED = (
    "kv_transfer_params",
    "ec_transfer_params",
    "chat_template",
    "media_io_kwargs",
    "mm_processor_kwargs",
    "priority",
    "vllm_xargs",
)
# Taken out in silence: a gateway's dialect, or what `_body` sets.
_DROPPED = ("usage", "cache_salt", "session_id", "stream_options")


class ChatEngine(Protocol):
    """Answers OpenAI's bodies in vLLM's dialect."""

    def answers(
        self, surface: Surface, body: dict[str, Any]
    ) -> AsyncIterator[str | dict[str, Any]]:
        """Whole SSE events if `body["stream"]`, else one object.

        In the place of either, `{"error": {...}}`: vLLM's own refusal. Raises
        ServingError for a body that the engine cannot read, or when the engine dies.
        Closing the iterator aborts the request.
        """


class VLLMBackend:
    """Passes requests to an engine, and reads what they used.

    `fetches`: the engine may fetch what the messages hold the address of.
    """

    def __init__(
        self,
        engine: ChatEngine,
        *,
        served_model: str,
        max_model_len: int,
        fetches: bool = False,
    ) -> None:
        self._engine = engine
        self._served_model = served_model
        self._max_model_len = max_model_len
        self._fetches = fetches

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer, its `model` replaced by the public id."""
        body = self._body(request, stream=False)
        total_s = request.timeouts.total_s
        asked = time.perf_counter()
        answers = self._engine.answers(request.surface, body)
        async with aclosing(answers):  # type: ignore[type-var]
            try:
                async with asyncio.timeout(total_s):
                    answer = await anext(answers, None)
            except TimeoutError:
                what = f"The engine did not answer in time (total_s = {total_s:g})."
                raise UpstreamTimeout(what, code="upstream_timeout_total") from None
        if not isinstance(answer, dict):
            raise UpstreamError("The engine's answer is not an object.")
        self._raise_refusal(answer)
        # vLLM names what it has no value for; OpenAI leaves such fields out.
        answer = {name: value for name, value in answer.items() if value is not None}
        answer["model"] = request.model
        settlement = settle(request, usage_of(answer), None, PROVIDER)
        settlement = replace(settlement, upstream_s=time.perf_counter() - asked)
        return Answer(orjson.dumps(answer), settlement)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        """Events as they arrive, then the settlement; closing it aborts the request."""
        body = self._body(request, stream=True)
        chat = ChatStream(request.model)
        patience = Patience(request.timeouts)
        asked, upstream_s = time.perf_counter(), None
        answers = self._engine.answers(request.surface, body)
        async with aclosing(answers):  # type: ignore[type-var]
            while not chat.done:
                try:
                    async with asyncio.timeout_at(patience.until):
                        answer = await anext(answers, None)
                except TimeoutError:
                    raise patience.over() from None
                if answer is None:
                    break
                if isinstance(answer, dict):
                    self._raise_refusal(answer)
                    raise UpstreamError("The engine did not stream its answer.")
                events = chat.feed(answer.encode())
                patience.saw(chat.n_events)
                if events:
                    upstream_s = upstream_s or time.perf_counter() - asked
                    with patience.excused():
                        yield events
        chat.finish()
        settled = settle(request, chat.usage, None, PROVIDER, said=chat.said)
        yield replace(settled, upstream_s=upstream_s)

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """None: an aborted request leaves no record in the engine."""
        return None

    def _body(self, request: BackendRequest, *, stream: bool) -> dict[str, Any]:
        if request.surface not in SURFACES:
            what = f"The engine of {request.model!r} has no /v1/{request.surface}."
            raise InvalidRequest(what, param="model", code="unsupported_endpoint")
        body: dict[str, Any] = orjson.loads(request.body)
        for name in _REFUSED:
            if body.get(name) is not None:
                what = f"{name} is not open to clients of a local model."
                raise InvalidRequest(what, param=name, code="invalid_value")
        # The engine stands inside, where an address of a client may lead anywhere.
        if not self._fetches and not all(map(_brings_its_data, _media(body))):
            what = f"{request.model!r} fetches nothing: send images as data: URLs."
            raise Unsupported(what, param="messages")
        for name in _DROPPED:
            body.pop(name, None)
        body |= {
            "model": self._served_model,
            # Clients choose theirs, so two may choose the same, and an abort by that
            # name would reach both. The engine makes names of its own, but need not
            # (VLLM_DISABLE_REQUEST_ID_RANDOMIZATION).
            "request_id": f"{request.request_id}-{uuid.uuid4().hex}",
            "stream": stream,
        }
        return body | {"stream_options": {"include_usage": True}} if stream else body

    def _raise_refusal(self, answer: dict[str, Any]) -> None:
        if error := answer.get("error"):
            raise refusal(error, max_model_len=self._max_model_len)


def _media(body: Mapping[str, Any]) -> Iterator[object]:
    """The URLs of images, audio and video in the messages, however they are written."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        parts = message.get("content") if isinstance(message, dict) else None
        for part in parts if isinstance(parts, list) else ():
            for name, value in part.items() if isinstance(part, dict) else ():
                if name.endswith("_url"):
                    yield value.get("url") if isinstance(value, dict) else value


def _brings_its_data(url: object) -> bool:
    return not isinstance(url, str) or url.startswith("data:")
