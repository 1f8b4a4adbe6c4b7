"""How much is given to an engine at a time that queues whatever comes."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TokenRoom:
    """Lets texts in as they came, as long as all that are inside have at most so many
    tokens; a text that alone has more goes in when nobody is inside.

    An engine with a queue of its own reads the oldest first. At overload that is what
    nobody waits for any more, for as long as the load lasts. So what has to wait waits
    here, where it can be given up.
    """

    def __init__(self, most: float = math.inf) -> None:
        self._most = self._free = most
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, tokens: int, until: float = math.inf) -> AsyncIterator[None]:
        """Room for a text; TimeoutError if there was none by `until`, of the loop's
        clock, or if that is over when it comes."""
        if asyncio.get_running_loop().time() > until:
            raise TimeoutError
        held = min(tokens, self._most)
        if self._waiting or held > self._free:
            await self._admitted(held, until)
        else:
            self._free -= held
        try:
            yield
        finally:
            self._leave(held)

    async def _admitted(self, held: float, until: float) -> None:
        loop = asyncio.get_running_loop()
        admitted: asyncio.Future[None] = loop.create_future()
        self._waiting.append((held, admitted))
        try:
            async with asyncio.timeout_at(until if until < math.inf else None):
                await admitted
        except BaseException:
            if admitted.done() and not admitted.cancelled():
                self._leave(held)  # let in at the very moment when it gave up
            else:
                admitted.cancel()
                self._let_in()  # those behind it may be smaller
            raise

    def _leave(self, held: float) -> None:
        self._free += held
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            held, admitted = self._waiting[0]
            if not admitted.done():
                if held > self._free:
                    return
                self._free -= held
                admitted.set_result(None)
            self._waiting.popleft()
