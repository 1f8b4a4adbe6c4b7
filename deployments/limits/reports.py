"""Reports of usage: how many may be asked of the Ledger at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from deployments.errors import Overloaded

# Made or waiting to be. Each holds one of the few hundred places of the Ledger's one
# replica (`serve_app.app`), for which leases and accounts would have to wait; and
# anybody with a key may ask for any number of them.
_MOST = 32


class Reports:
    """Those that were asked for and have not been made yet."""

    def __init__(self) -> None:
        self._asked = 0

    @contextmanager
    def another(self) -> Iterator[None]:
        """Overloaded where there are too many already."""
        if self._asked >= _MOST:
            what = "Too many reports of usage are asked for at a time."
            raise Overloaded(what, retry_after_s=1.0)
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1
