"""What has arrived of a stream, in case it never says itself what it used."""

from dataclasses import replace
from typing import Any

from deployments.backends.settling import priced
from deployments.backends.surcharges import is_priced
from deployments.backends.tokens import count_tokens
from deployments.errors import ServingError
from deployments.protocol.backend import BackendRequest, Item, Settlement, Usage
from serve_app.access.request_size import PromptSize
from serve_app.answering.written import data_of, written

_HEAD = ("id", "created", "object")
_LARGEST = 64 * 1024  # bytes of a frame that is kept


class Received:
    """Counts the events of a stream's frames, and keeps the head of one with an id.

    Whenever there are twice as many events, a frame is kept: how much an event says is
    read from these few, and only if it is asked for.
    """

    def __init__(self) -> None:
        self.n_events = 0
        self.head: dict[str, Any] = {}
        self._headless = True
        self._kept: list[bytes] = []
        self._keeps_at = 1

    def add(self, item: Item) -> None:
        """What has come next; a settlement alone holds no event."""
        if isinstance(item, Settlement):
            return
        frame = item if isinstance(item, bytes) else item.frame
        if self._headless:
            self._look(frame)
        # Each ends with an empty line; `data: ` may stand in what is said, too.
        self.n_events += frame.count(b"\n\n")
        if self.n_events >= self._keeps_at and len(frame) <= _LARGEST:
            self._kept.append(frame)
            self._keeps_at = 2 * self.n_events

    @property
    def generation_id(self) -> str | None:
        """The upstream's own id of the answer."""
        value = self.head.get("id")
        return value if isinstance(value, str) else None

    def settled(
        self, error: ServingError | None, request: BackendRequest, prompt: PromptSize
    ) -> Settlement:
        """Of an answer that broke off: what its upstream had said, or an estimate."""
        told = None if error is None else error.settlement
        if told is None or told.usage is None:
            return self.estimate(request, prompt)
        return self._at_least(told, told.usage, request, prompt)

    def estimate(self, request: BackendRequest, prompt: PromptSize) -> Settlement:
        """Tokens and cost so far, marked as estimated; no cost where more than the
        tokens may be charged: whether it was, the end would have shown."""
        if not self.n_events:
            return Settlement(None, None, "unknown")
        completion = self._tokens()
        usage = Usage(prompt.tokens, completion, prompt.tokens + completion)
        cost_usd = None
        if is_priced(request.surcharges):
            tokens = usage.prompt_tokens, usage.completion_tokens
            cost_usd = request.price.cost_usd(*tokens)
        known = cost_usd is not None
        return Settlement(usage, cost_usd, "estimated" if known else "unknown")

    def _at_least(
        self,
        told: Settlement,
        usage: Usage,
        request: BackendRequest,
        prompt: PromptSize,
    ) -> Settlement:
        """What an upstream tells while it writes (xAI, vLLM's running usage) is of that
        moment: of what came later, as much as was counted."""
        written = self._tokens() if told.early else 0
        if written <= usage.completion_tokens:
            return told
        read = usage.prompt_tokens or prompt.tokens
        usage = replace(
            usage,
            prompt_tokens=read,
            completion_tokens=written,
            total_tokens=read + written,
        )
        cost_usd = priced(request, usage)
        if told.cost_usd is None or cost_usd is None:
            return replace(told, usage=usage, cost_usd=None, cost_source="unknown")
        cost_usd = max(told.cost_usd, cost_usd)
        return replace(told, usage=usage, cost_usd=cost_usd, cost_source="estimated")

    def _tokens(self) -> int:
        """An event is a token, or as many as it says: some upstreams send sentences."""
        events = [event for frame in self._kept for event in frame.split(b"\n\n")]
        events = [event for event in events if event]
        texts = [text for event in events for text in written(data_of(event))]
        said = count_tokens("".join(texts))
        return max(self.n_events, round(self.n_events * said / max(1, len(events))))

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
    chunk = data_of(event)
    if isinstance(chunk.get("response"), dict):  # of the Responses API
        chunk = chunk["response"]
    return {name: chunk[name] for name in _HEAD if chunk.get(name)}
