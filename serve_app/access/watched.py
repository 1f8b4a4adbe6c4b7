"""Which of a replica's leases have to be looked at every second: where tenants are
many, most of them lie still."""

from collections import deque
from collections.abc import Iterator, Mapping

from deployments.limits.ledger_protocol import Resource
from serve_app.access.holding import Holding

_UNUSED_S = 120.0


class Watched:
    """Of what is `held`, something may be to do with the active ones. Others rest until
    what nobody draws on goes back, or are empty and are forgotten after a while."""

    def __init__(self, held: Mapping[Resource, Holding]) -> None:
        self._held = held
        self._active: dict[Resource, Holding] = {}
        self._resting: dict[Resource, float] = {}  # since when, the longest first
        self._empty: deque[tuple[float, Resource]] = deque()  # last drawn on when

    def watch(self, holding: Holding) -> None:
        """It may be changed now."""
        self._active[holding.resource] = holding
        self._resting.pop(holding.resource, None)

    def active(self, now: float) -> list[Holding]:
        """Those to be looked at, with what has rested for as long as it may."""
        while self._resting:
            resource, since = next(iter(self._resting.items()))
            holding = self._held[resource]
            if 0 <= now - since < holding.idle_s:
                break
            self.watch(holding)
        return [*self._active.values()]

    def rest(self, holding: Holding, now: float) -> None:
        """It may lie still."""
        del self._active[holding.resource]
        self._resting[holding.resource] = now

    def leave(self, holding: Holding) -> None:
        """It is empty."""
        del self._active[holding.resource]
        self._empty.append((holding.part.touched, holding.resource))

    def unused(self, now: float) -> Iterator[Resource]:
        """Those that have been empty for long, to be forgotten at once."""
        while self._empty and not 0 <= now - self._empty[0][0] <= _UNUSED_S:
            _, resource = self._empty.popleft()
            holding = self._held.get(resource)
            if holding is None or resource in self._active or resource in self._resting:
                continue
            if now - holding.part.touched > _UNUSED_S:
                yield resource
            else:  # it was drawn on since, and is empty again
                self._empty.append((holding.part.touched, resource))
