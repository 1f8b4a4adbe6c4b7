"""What an answer of the Responses API says, whole or as a stream of named events."""

import re
from typing import Any

import orjson

from deployments.backends.chat_events import json_object
from deployments.backends.sse import DONE, EventSplitter, passed
from deployments.backends.surcharges import Shown
from deployments.backends.upstream_errors import reported_error
from deployments.backends.usage import cost_of, usage_of
from deployments.errors import ServingError, UpstreamError
from deployments.protocol.backend import Usage

# Told before the model has said anything: the client gets them with its first words, so
# that another model can still answer if this one fails.
_PREAMBLE = {"response.created", "response.queued", "response.in_progress"}
# Sent by OpenAI every few seconds while a model says nothing, that a proxy does not
# take the connection for dead.
_KEEPALIVE = "keepalive"
_SILENT = {*_PREAMBLE, _KEEPALIVE}
# Of a part that comes word by word, with none yet.
_BEGINNINGS = {"response.content_part.added", "response.reasoning_summary_part.added"}
_ENDS = {"response.completed", "response.incomplete"}
_FAILURES = {"error", "response.failed"}
# An upstream's own events are called `acme:trace_event`, by the Open Responses spec.
_NAME = re.compile(r"[A-Za-z0-9_.:-]+")

_CHAT_NAMES = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
# Of the API's own error codes, those for what is in the request.
_REFUSALS = ("invalid_", "image_", "unsupported_", "empty_image_", "failed_to_download")


def usage_of_response(data: dict[str, Any]) -> Usage | None:
    """The response's `usage`, or None where it is missing or not usable."""
    usage = data.get("usage")
    if not isinstance(usage, dict):
        return None
    renamed = {theirs: usage.get(name) for name, theirs in _CHAT_NAMES.items()}
    return usage_of({"usage": renamed})


def response_failure(error: Any) -> ServingError:
    """The error that an `error` object of this API stands for."""
    code = error.get("code") if isinstance(error, dict) else None
    refused = isinstance(code, str) and code.startswith(_REFUSALS)
    return reported_error(error, 400 if refused else None)


def named_event(name: str, data: bytes) -> bytes:
    """One event on the wire with its name; neither holds a line end."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def _announces(name: str, event: dict[str, Any]) -> bool:
    """Nothing is said yet; a model that thinks unseen may take minutes after it."""
    if name == "response.output_item.added":
        item = event.get("item")
        if not isinstance(item, dict):
            return False
        empty = item.get("type") == "message" and not item.get("content")
        return empty or item.get("type") == "reasoning"
    if name in _BEGINNINGS:
        part = event.get("part")
        return isinstance(part, dict) and not (part.get("text") or part.get("refusal"))
    return name in _SILENT


class ResponsesStream:
    """Follows one upstream SSE stream of the Responses API.

    `feed` returns the events to pass on, named by their `type`. The stream is complete
    with `response.completed` or `response.incomplete`, with or without `[DONE]`.
    `n_events` counts what the model has said, not what announces it.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._splitter = EventSplitter()
        self._held = b""
        self.usage: Usage | None = None
        self.early = False  # something has come after it
        self.cost_usd: float | None = None
        self.shown = Shown()
        self.provider: str | None = None
        self.n_events = 0
        self.done = False
        self.failure: ServingError | None = (
            None  # of what followed the events returned last
        )

    def feed(self, chunk: bytes) -> bytes:
        """Events to pass on; ServingError for a failed answer or nonsense.

        What came before it in the same chunk is passed on first, as ChatStream does.
        """
        if self.failure:
            raise self.failure
        try:
            events = self._splitter.feed(chunk)
        except ValueError as error:
            raise UpstreamError(f"The upstream's stream is broken: {error}.") from None
        found, self.failure = passed(events, self._passed_on)
        return found

    def finish(self) -> None:
        """UpstreamError if the stream ended without saying so."""
        if self.failure:
            raise self.failure
        if not self.done:
            raise UpstreamError("The upstream's stream ended before it was complete.")

    def _passed_on(self, data: bytes) -> bytes:
        if self.done:
            return b""
        if data.startswith(DONE):
            self.finish()
        event = json_object(data)
        if error := event.get("error"):
            raise response_failure(error)
        name = event.get("type")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UpstreamError("The upstream sent an event that has no type.")
        if name in _FAILURES:
            response = event.get("response")
            if not isinstance(response, dict):
                raise response_failure(event)
            self._billed(response)
            raise response_failure(response.get("error"))
        self.early = True
        written = named_event(name, self._written(data, event))
        if not self.n_events and _announces(name, event):
            self._held += written
            return b""
        self.n_events += name != _KEEPALIVE
        self.done = name in _ENDS
        held, self._held = self._held, b""
        return held + written

    def _written(self, data: bytes, event: dict[str, Any]) -> bytes:
        response = event.get("response")
        if not isinstance(response, dict):
            # A line end would end the event, so such data is written anew.
            return orjson.dumps(event) if b"\n" in data else data
        response["model"] = self._model
        self._billed(response)
        return orjson.dumps(event)

    def _billed(self, response: dict[str, Any]) -> None:
        self.shown.see(response)
        usage, cost_usd = usage_of_response(response), cost_of(response)
        if usage is not None or cost_usd is not None:
            self.usage, self.cost_usd = usage or self.usage, cost_usd
            self.early = False
        if isinstance(response.get("provider"), str):
            self.provider = response["provider"]
