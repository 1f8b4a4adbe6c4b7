"""Replicas that are gone: what they still ask for is not for them any more."""

# An ask may be overtaken by the end of who has sent it: of those that wait for SQL at a
# time, so of few replicas, and of a name that none has again.
_KEPT = 10_000


class ClosedReplicas:
    """The names of those that were closed last."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, replica: str) -> None:
        """It is gone."""
        self._names.pop(replica, None)
        self._names[replica] = None
        if len(self._names) > _KEPT:
            del self._names[next(iter(self._names))]

    def __contains__(self, replica: str) -> bool:
        return replica in self._names
