"""The Ledger's side of limits of requests at a time. It never waits for anything."""

from deployments.limits.allowances import Pool
from deployments.limits.ledger_protocol import Ask, Grant, Resource, Return

_FOREVER = 0
# A replica that was not heard of for so long has no requests under way.
_SILENT_S = 60.0
# Each calls every second. Where none was heard of for so long, it is this Ledger that
# was cut off or stood still, or its clock was set: that is no silence of theirs.
_DEAF_S = 10.0
# So long after a place was refused, whoever is given one keeps it only while it is
# used: others may have free ones of which they do not know that they are wanted.
_WANTED_S = 300.0
_PLACE_S = 0.1


class PlaceBook:
    """The pools of places, made as they are asked for, and who is alive to hold some.

    They live in memory only: after a new start of the Ledger, replicas may hold places
    of the old one beside those of the new one, until their requests end.
    """

    def __init__(self) -> None:
        self._pools: dict[Resource, Pool] = {}
        self._refused: dict[Resource, float] = {}  # when there was none left
        self._heard: dict[str, float] = {}  # when, by the replica
        self._heard_any = 0.0  # when, of whichever

    def lease(self, replica: str, ask: Ask, capacity: float, now: float) -> Grant:
        """Some places of a limit."""
        pool = self._pools.setdefault(ask.resource, Pool(capacity))
        pool.capacity = capacity
        amount = pool.lease(replica, ask.need)
        if not amount:
            self._refused[ask.resource] = now
        good_for_s = _PLACE_S if self._is_wanted(ask.resource, now) else None
        return Grant(amount, capacity, pool.available, None, good_for_s, _FOREVER)

    def give_back(self, replica: str, back: Return) -> None:
        """They are not needed."""
        if pool := self._pools.get(back.resource):
            if back.rest:
                pool.forget(replica)
            else:
                pool.give_back(replica, back.amount)

    def hear(self, replica: str, now: float) -> None:
        """It is alive."""
        deaf_s = now - self._heard_any
        if not 0 <= deaf_s <= _DEAF_S:
            self._heard = {name: at + deaf_s for name, at in self._heard.items()}
        self._heard_any = self._heard[replica] = now

    def free_silent(self, now: float) -> None:
        """Of those that are silent, no request can be under way."""
        for name, at in list(self._heard.items()):
            if now - at > _SILENT_S:
                del self._heard[name]
                self.free(name)

    def free(self, replica: str) -> None:
        """It holds nothing more."""
        for pool in self._pools.values():
            pool.forget(replica)

    def wanted_of(self, replica: str, now: float) -> list[Resource]:
        """Those of which this one holds some and others were lately refused any."""
        wanted = [each for each in self._refused if self._is_wanted(each, now)]
        self._refused = {each: self._refused[each] for each in wanted}
        return [each for each in wanted if replica in self._pools[each].leases]

    def _is_wanted(self, resource: Resource, now: float) -> bool:
        at = self._refused.get(resource)
        return at is not None and abs(now - at) < _WANTED_S
