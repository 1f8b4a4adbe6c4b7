"""How many calls of a kind may wait for SQL at a time.

Each holds one of the places of the Ledger's one replica (`serve_app.app`), for which
all that goes on without SQL would have to wait, and the ends of requests.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from deployments.errors import Overloaded

# Anybody with a key may ask for any number of them.
REPORTS = 32
# Of budgets: half of the places. While SQL stands still each replica asks again and
# again, for one tenant after another.
BUDGET_ASKS = 512


class Waiting:
    """Calls that were begun and have not ended yet, `most` of them at a time."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._n = 0

    @contextmanager
    def another(self) -> Iterator[None]:
        """Overloaded where there are too many already."""
        if self._n >= self._most:
            what = f"Too many {self._what} are asked for at a time."
            raise Overloaded(what, retry_after_s=1.0)
        self._n += 1
        try:
            yield
        finally:
            self._n -= 1
