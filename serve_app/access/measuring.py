"""Long prompts are counted in threads of their own.

Those of the loop take in changed accounts, ship usage and look up the names of
upstreams: none of that may wait behind what one tenant sends.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# Its tokens may take seconds to count, in which other requests must go on.
LONG_BYTES = 2**18
_THREADS = ThreadPoolExecutor(4, "prompts")


async def measured(work: Callable[[], T]) -> T:
    """What `work` finds, which counts a prompt of over LONG_BYTES."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
