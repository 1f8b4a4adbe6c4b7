"""What a streamed chat completion says, read without parsing what passes through."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from deployments.backends.figures import stated_usage, stated_usd
from deployments.backends.sse import DONE, EventSplitter, event, passed
from deployments.backends.upstream_errors import reported_error
from deployments.errors import ServingError, UpstreamError
from deployments.protocol import Usage

_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')


def usage_of(data: dict[str, Any]) -> Usage | None:
    """OpenAI's `usage` object, or None where it is missing or not usable."""
    said = data.get("usage")
    if not isinstance(said, dict):
        return None
    return stated_usage(
        said.get("prompt_tokens"),
        said.get("completion_tokens"),
        _detail(said, "prompt_tokens_details", "cached_tokens"),
        _detail(said, "completion_tokens_details", "reasoning_tokens"),
    )


def _detail(usage: dict[str, Any], group: str, name: str) -> Any:
    details = usage.get(group)
    return details.get(name) if isinstance(details, dict) else None


def cost_of(data: dict[str, Any]) -> float | None:
    """`usage.cost` in USD, as OpenRouter states what it charged; None if unsaid."""
    said = data.get("usage")
    return stated_usd(said.get("cost")) if isinstance(said, dict) else None


class ChatStream:
    """Follows one upstream SSE stream of chat (or text) completion chunks.

    `feed` returns the events to pass on. Usage-only events and `[DONE]` are taken out:
    the gateway ends the stream itself. Events are written anew only where something in
    them is ours to change; the others pass through as they came.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._ours = b'"model":' + orjson.dumps(model)
        self._theirs: bytes | None = None
        self._splitter = EventSplitter()
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.provider: str | None = None
        self.n_events = 0
        self.done = False
        # Of what followed the events that were returned last.
        self.failure: ServingError | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Events to pass on; ServingError for an error event or nonsense.

        What came before it in the same chunk is passed on first: then the error is in
        `failure`, and raised by whatever is called next.
        """
        if self.failure:
            raise self.failure
        try:
            events = self._splitter.feed(chunk)
        except ValueError as error:
            raise UpstreamError(f"The upstream's stream is broken: {error}.") from None
        self.n_events += len(events)
        before = b""
        if self._theirs is None and events:  # the first one tells their name
            before, events = self._passed_on(events[0]), events[1:]
        plain = 0 if self.done else _plain(events)
        if plain:
            before += self._renamed(events[:plain])
        found, self.failure = passed(events[plain:], self._passed_on, bool(before))
        return before + found

    def finish(self) -> None:
        """UpstreamError if the stream ended without saying so."""
        if self.failure:
            raise self.failure
        if not self.done:
            raise UpstreamError("The upstream's stream ended before it was complete.")

    def _renamed(self, events: Sequence[bytes]) -> bytes:
        """Events that `_plain` has found: once for all of them, not for each."""
        assert self._theirs is not None
        together = b"\n\ndata: ".join(events)
        return event(together.replace(self._theirs, self._ours))

    def _passed_on(self, data: bytes) -> bytes:
        if data == DONE:
            self.done = True
        if self.done:
            return b""
        # Parsing costs about a microsecond; half an event would cost the client more.
        chunk = _json_object(data)
        if chunk.get("error"):
            raise reported_error(chunk["error"])
        if self._theirs is None or chunk.get("usage") or b"\n" in data:
            return self._rewritten(data, chunk)
        return event(data.replace(self._theirs, self._ours, 1))

    def _rewritten(self, data: bytes, chunk: dict[str, Any]) -> bytes:
        found = _MODEL.search(data)
        # Inside a JSON string the quotes would be escaped, so this is a real key.
        self._theirs = found.group() if found else self._ours
        if isinstance(chunk.get("provider"), str):
            self.provider = chunk["provider"]
        if isinstance(chunk.get("usage"), dict):
            usage, cost_usd = usage_of(chunk), cost_of(chunk)
            if usage is not None or cost_usd is not None:
                self.usage, self.cost_usd = usage or self.usage, cost_usd
            if not chunk.get("choices"):
                return b""
            del chunk["usage"]
        chunk["model"] = self._model
        return event(orjson.dumps(chunk))


def _plain(events: Sequence[bytes]) -> int:
    """How many of the first events are JSON objects, each on one line, with nothing in
    them to read."""
    chunks = _parsed(events[:-1] if events and events[-1] == DONE else events)
    for place, chunk in enumerate(chunks):
        ours = not isinstance(chunk, dict) or chunk.get("error") or chunk.get("usage")
        if ours or b"\n" in events[place]:
            return place
    return len(chunks)


def _parsed(events: Sequence[bytes]) -> list[Any]:
    """The values of the events up to the first that is no JSON: all at once, in half
    the time, or one by one where that fails.

    Two halves never make a whole: neither an object nor a string goes on across the
    brackets and the line end between them.
    """
    with suppress(orjson.JSONDecodeError):
        apart: list[list[Any]] = orjson.loads(b"[[%b]]" % b"],\n[".join(events))
        if len(apart) == len(events) and all(len(each) == 1 for each in apart):
            return [value for (value,) in apart]
    values: list[Any] = []
    with suppress(orjson.JSONDecodeError):
        values.extend(map(orjson.loads, events))
    return values


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UpstreamError("The upstream sent an event that is not JSON.") from None
    if not isinstance(value, dict):
        raise UpstreamError("The upstream sent an event that is not an object.")
    return value
