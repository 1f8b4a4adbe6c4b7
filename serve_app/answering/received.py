"""What has arrived of a stream, in case it never says itself what it used."""

from typing import Any

import orjson

from deployments.catalog import Price
from deployments.errors import ServingError
from deployments.protocol.backend import Item, Settlement, Usage
from serve_app.access.request_size import PromptSize

_HEAD = ("id", "created", "object")


class Received:
    """Counts the events of a stream's frames, and keeps the head of one with an id."""

    def __init__(self) -> None:
        self.n_events = 0
        self.head: dict[str, Any] = {}
        self._headless = True

    def add(self, item: Item) -> None:
        """What has come next; a settlement alone holds no event."""
        if isinstance(item, Settlement):
            return
        frame = item if isinstance(item, bytes) else item.frame
        if self._headless:
            self._look(frame)
        self.n_events += frame.count(b"\n\n")  # in JSON no line ends

    @property
    def generation_id(self) -> str | None:
        """The upstream's own id of the answer."""
        value = self.head.get("id")
        return value if isinstance(value, str) else None

    def settled(
        self, error: ServingError | None, price: Price, prompt: PromptSize
    ) -> Settlement:
        """Of an answer that broke off: what its upstream had said, or an estimate."""
        told = None if error is None else error.settlement
        if told is not None and told.usage is not None:
            return told
        return self.estimate(price, prompt)

    def estimate(self, price: Price, prompt: PromptSize) -> Settlement:
        """Tokens and cost so far, an event taken for a token, marked as estimated."""
        if not self.n_events:
            return Settlement(None, None, "unknown")
        usage = Usage(prompt.tokens, self.n_events, prompt.tokens + self.n_events)
        cost_usd = price.cost_usd(usage.prompt_tokens, usage.completion_tokens)
        known = cost_usd is not None
        return Settlement(usage, cost_usd, "estimated" if known else "unknown")

    def _look(self, frame: bytes) -> None:
        """Azure's first event, with what its filters say, has no id."""
        for event in frame.split(b"\n\n"):
            head = _head(event)
            if "id" in head or not self.head:
                self.head = head
            if "id" in head:
                self._headless = False
                return


def _head(event: bytes) -> dict[str, Any]:
    """Those of `id`, `created` and `object` that say something; others repeat them."""
    lines = event.split(b"\n")
    data = next((line[5:] for line in lines if line.startswith(b"data:")), b"{}")
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(chunk, dict):
        return {}
    if isinstance(chunk.get("response"), dict):  # of the Responses API
        chunk = chunk["response"]
    return {name: chunk[name] for name in _HEAD if chunk.get(name)}
