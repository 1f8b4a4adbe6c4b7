"""Work that belongs to no single request, though one of them began it."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


def detached(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task in a context of its own.

    When a client leaves, Serve cancels the calls of handles that its request has made.
    It knows them by a context variable, and a task inherits that: of what several
    requests share, the one that began it must not take it from the others.
    """
    loop = asyncio.get_running_loop()
    return loop.create_task(work, context=Context())
