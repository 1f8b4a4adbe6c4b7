"""What several requests share is not cancelled with the one that began it.

Serve finds the calls of handles that a request has made by a context variable.
"""

import asyncio
from contextvars import ContextVar

from deployments.coalescing import Coalescer
from deployments.detached import detached

REQUEST: ContextVar[str | None] = ContextVar("REQUEST", default=None)


async def test_a_detached_task_knows_nothing_of_who_began_it():
    async def began_by() -> str | None:
        return REQUEST.get()

    REQUEST.set("a")

    assert await detached(began_by()) is None
    assert await asyncio.create_task(began_by()) == "a"


async def test_a_shared_call_is_no_request_s_own():
    async def call(items):
        await asyncio.sleep(0)
        return [REQUEST.get()] * len(items)

    shared = Coalescer(call)

    async def ask(name: str) -> str | None:
        REQUEST.set(name)
        return await shared(name)

    asked = [asyncio.create_task(ask(name)) for name in "abc"]

    assert await asyncio.gather(*asked) == [None] * 3
