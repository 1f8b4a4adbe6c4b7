"""A started stream as OpenAI's server-sent events, to its very end."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import orjson

from deployments.backends.responses_stream import named_event
from deployments.backends.sse import DONE, event
from deployments.errors import ServingError
from deployments.protocol.backend import Ending, Settlement, Surface, settlement_of
from serve_app.answering.streamed import Started
from serve_app.http.event_stream import LastPiece

logger = logging.getLogger(__name__)


_CHUNKS = {
    "chat/completions": "chat.completion.chunk",
    "completions": "text_completion",
}


# Where OpenAI has the tokens that we know of beside the sums.
_DETAILS = (
    ("prompt_tokens_details", "cached_tokens"),
    ("prompt_tokens_details", "cache_write_tokens"),
    ("completion_tokens_details", "reasoning_tokens"),
)


async def sse_body(
    started: Started,
    *,
    include_usage: bool,
    surface: Surface = "chat/completions",
    routing: dict[str, Any] | None = None,
) -> AsyncGenerator[bytes, None]:
    """Frames as they come; with the last the usage event if asked for, and `[DONE]`.

    `routing`, if there is any, goes with the usage in an event without choices.

    A stream of the Responses API ends with its own last event, which holds the usage.
    An error after the first byte becomes an error event, and nothing follows: the
    official clients then raise, as they do with OpenAI.
    """
    async with aclosing(started.frames) as frames:  # type: ignore[type-var]
        try:
            async for item in frames:
                if isinstance(item, bytes):
                    yield item
                    continue
                end = item.frame if isinstance(item, Ending) else b""
                if surface != "responses":
                    told = _last_fields(settlement_of(item), include_usage, routing)
                    if told:
                        end += event(_last_chunk(started, _CHUNKS[surface], told))
                    end += event(DONE)
                yield LastPiece(end)
        except ServingError as error:
            logger.warning("stream of %s broke off", started.answered.model)
            yield _error_event(started, error, surface)


def _error_event(started: Started, error: ServingError, surface: Surface) -> bytes:
    body = error.body()
    if surface != "responses":
        return event(orjson.dumps(body))
    # The reference has these fields beside the type; OpenAI sends them in `error`, and
    # by that its clients know that they must raise. So they are in both places.
    told: dict[str, Any] = {**body["error"], **body}
    told |= {"type": "error", "sequence_number": started.received.n_events}
    return named_event("error", orjson.dumps(told))


def _last_fields(
    settlement: Settlement, include_usage: bool, routing: dict[str, Any] | None
) -> dict[str, Any]:
    usage = {"usage": usage_object(settlement)} if include_usage else {}
    return usage if routing is None else {**usage, "routing": routing}


def _last_chunk(started: Started, kind: str, fields: dict[str, Any]) -> bytes:
    head = {"object": kind, **started.received.head, "model": started.answered.model}
    return orjson.dumps({**head, "choices": [], **fields})


def usage_object(settlement: Settlement) -> dict[str, Any] | None:
    """The upstream's `usage` as a whole answer has it; in it what is known of tokens,
    and `cost` in USD."""
    if settlement.usage is None:
        return None
    said = settlement.said or {}
    usage = {**said, **asdict(settlement.usage)}
    for group, name in _DETAILS:
        if (n_tokens := usage.pop(name)) is not None:
            told = usage.get(group)
            told = told if isinstance(told, dict) else {}
            usage[group] = {**told, name: n_tokens}
    if settlement.cost_usd is not None:
        usage["cost"] = settlement.cost_usd
    return usage
