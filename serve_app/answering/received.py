"""What has arrived of a stream, in case it never says itself what it used."""

from typing import Any

import orjson

from deployments.catalog import Price
from deployments.protocol import Item, Settlement, Usage
from serve_app.answering.prompt_size import PromptSize


class Received:
    """Counts the events of a stream's frames, and keeps the head of the first."""

    def __init__(self) -> None:
        self.n_events = 0
        self.head: dict[str, Any] = {}

    def add(self, item: Item) -> None:
        """What has come next; a settlement alone holds no event."""
        if isinstance(item, Settlement):
            return
        frame = item if isinstance(item, bytes) else item.frame
        if not self.n_events:
            self.head = _head(frame)
        self.n_events += frame.count(b"data: ")

    @property
    def generation_id(self) -> str | None:
        """The upstream's own id of the answer."""
        value = self.head.get("id")
        return value if isinstance(value, str) else None

    def estimate(self, price: Price, prompt: PromptSize) -> Settlement:
        """Tokens and cost so far, an event taken for a token, marked as estimated."""
        if not self.n_events:
            return Settlement(None, None, "unknown")
        usage = Usage(prompt.tokens, self.n_events, prompt.tokens + self.n_events)
        cost_usd = price.cost_usd(usage.prompt_tokens, usage.completion_tokens)
        known = cost_usd is not None
        return Settlement(usage, cost_usd, "estimated" if known else "unknown")


def _head(frame: bytes) -> dict[str, Any]:
    """`id`, `created` and `object` of the first event; later ones repeat them."""
    lines = frame.partition(b"\n\n")[0].split(b"\n")
    data = next((line[5:] for line in lines if line.startswith(b"data:")), b"{}")
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(chunk, dict):
        return {}
    if isinstance(chunk.get("response"), dict):  # of the Responses API
        chunk = chunk["response"]
    return {name: chunk[name] for name in ("id", "created", "object") if name in chunk}
