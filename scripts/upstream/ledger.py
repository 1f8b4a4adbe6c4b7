"""What the upstream did with each request, and what it charged for it."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["answered", "failed", "client_left"]


@dataclass(slots=True)
class Entry:
    """One request. Times in seconds; `charged_usd` is 0 where nothing was charged.

    An answer that breaks off is charged for the prompt and the tokens produced so
    far; an error before the first token is not charged.
    """

    id: str
    model: str
    path: str
    protocol: str
    streamed: bool
    fault: str | None
    metadata: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int = 0  # produced
    charged_usd: float = 0.0
    status: int | None = None  # sent; None = no head was sent
    named: bool = False  # whether the head, which holds the id, found a reader
    outcome: Outcome | None = None  # None = still going on
    client_left_s: float | None = None  # after the request had arrived
    duration_s: float | None = None
    finish_reason: str | None = None
    began: float = field(default_factory=time.time)
    _clock: float = field(default_factory=time.monotonic)

    def close(self, outcome: Outcome, charged_usd: float) -> None:
        """The end of the request; only the first call counts."""
        if self.outcome is not None:
            return
        self.outcome = outcome
        self.charged_usd = charged_usd
        self.duration_s = time.monotonic() - self._clock
        if outcome == "client_left":
            self.client_left_s = self.duration_s

    @property
    def ended(self) -> float:
        """When, in seconds since the epoch."""
        return self.began + (self.duration_s or 0.0)

    def as_json(self) -> dict[str, Any]:
        """What /ledger shows."""
        row = asdict(self)
        del row["_clock"]
        return row


class Ledger:
    """The last `limit` requests by id."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: dict[str, Entry] = {}
        self._order: deque[str] = deque()
        self.requests = 0

    def open(self, entry: Entry) -> Entry:
        """Begin a request; the oldest is forgotten where there are too many."""
        self.requests += 1
        self._entries[entry.id] = entry
        self._order.append(entry.id)
        while len(self._order) > self.limit:
            del self._entries[self._order.popleft()]
        return entry

    def get(self, generation: str) -> Entry | None:
        """One request by its generation id."""
        return self._entries.get(generation)

    @property
    def entries(self) -> list[Entry]:
        """In the order of arrival."""
        return list(self._entries.values())

    def reset(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._order.clear()
        self.requests = 0

    def as_json(self) -> dict[str, Any]:
        """The sums, then each request."""
        entries = self.entries
        return {
            "requests": self.requests,
            "kept": len(entries),
            "open": sum(entry.outcome is None for entry in entries),
            "charged_usd": sum(entry.charged_usd for entry in entries),
            "entries": [entry.as_json() for entry in entries],
        }
