"""What a streamed chat completion says, read without parsing what passes through."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from deployments.backends.chat_events import failure_in, json_object, plain, says
from deployments.backends.sse import DONE, EventSplitter, event, passed
from deployments.backends.surcharges import Shown
from deployments.backends.usage import cost_of, usage_of
from deployments.errors import ServingError, UpstreamError
from deployments.protocol.backend import Usage

_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)+"')


class ChatStream:
    """Follows one upstream SSE stream of chat (or text) completion chunks.

    `feed` returns the events to pass on. Usage-only events and `[DONE]` are taken out:
    the gateway ends the stream itself. Events are written anew only where something in
    them is ours to change; the others pass through as they came.

    What announces an answer (the role, what a filter says of the prompt) is held until
    its first words have come, that another model can still answer if this one fails.
    `n_events` counts from them on.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._ours = b'"model":' + orjson.dumps(model)
        self._theirs: bytes | None = None
        self._splitter = EventSplitter()
        self._held: list[bytes] = []
        self._begun = False  # the first words have come
        self.usage: Usage | None = None
        self.early = False  # something has come after it
        self.cost_usd: float | None = None
        self.said: dict[str, Any] | None = None  # the `usage` that these are of
        self.shown = Shown()
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
        before = b""
        if events and not (self._begun and self._theirs):
            rest = iter(events)
            before, self.failure = passed(self._opening(rest), self._passed_on)
            events = [] if self.failure else list(rest)
        self.n_events += len(events)
        n_plain = 0 if self.done else plain(events)
        if n_plain:
            before += self._renamed(events[:n_plain])
        if n_plain < len(events):
            found, self.failure = passed(
                events[n_plain:], self._passed_on, bool(before)
            )
            before += found
        return before

    def finish(self) -> None:
        """The body has ended: UpstreamError if the stream did not end before.

        The empty line after `[DONE]` may be missing.
        """
        if self.failure:
            raise self.failure
        if not (self.done or self._splitter.unfinished == DONE):
            raise UpstreamError("The upstream's stream ended before it was complete.")

    def _opening(self, events: Iterator[bytes]) -> Iterator[bytes]:
        """Events up to the first words, and to the first event that tells the
        upstream's name of the model: Azure's first one, with what its filters say, has
        neither."""
        while not (self._begun and self._theirs):
            if (data := next(events, None)) is None:
                return
            yield data
            self.n_events += self._begun

    def _renamed(self, events: Sequence[bytes]) -> bytes:
        """Events that `plain` has found: once for all of them, not for each."""
        assert self._theirs is not None
        self.early = True
        together = b"\n\ndata: ".join(events)
        return event(together.replace(self._theirs, self._ours))

    def _passed_on(self, data: bytes) -> bytes:
        if data.startswith(DONE):  # as OpenAI's clients take it, spaces and all
            self.done = True
        if self.done:
            return self._with_held(b"")
        # Parsing costs about a microsecond; half an event would cost the client more.
        chunk = json_object(data)
        self.shown.see(chunk)
        failure = failure_in(chunk)
        self.early = self.early or not failure
        if self._theirs is None or chunk.get("usage") or failure or b"\n" in data:
            written = self._rewritten(data, chunk)
        else:
            written = event(data.replace(self._theirs, self._ours, 1))
        if failure:  # whose usage is known now
            raise failure
        self._begun = self._begun or says(chunk)
        if self._begun:
            return self._with_held(written)
        self._held.append(written)
        return b""

    def _with_held(self, written: bytes) -> bytes:
        if not self._held:
            return written
        held, self._held = self._held, []
        return b"".join((*held, written))

    def _rewritten(self, data: bytes, chunk: dict[str, Any]) -> bytes:
        # Inside a JSON string the quotes would be escaped, so this is a real key.
        if chunk.get("model") and (found := _MODEL.search(data)):
            self._theirs = found.group()
        if isinstance(chunk.get("provider"), str):
            self.provider = chunk["provider"]
        if isinstance(chunk.get("usage"), dict):
            usage, cost_usd = usage_of(chunk), cost_of(chunk)
            if usage is not None or cost_usd is not None:
                self.usage, self.cost_usd = usage or self.usage, cost_usd
                self.early = False
                self.said = chunk["usage"]
            if not chunk.get("choices"):
                return b""
            del chunk["usage"]
        chunk["model"] = self._model
        return event(orjson.dumps(chunk))
