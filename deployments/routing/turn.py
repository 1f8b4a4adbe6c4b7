"""A text's turn at an encoder, and what is told where it comes too late."""

from collections.abc import Awaitable
from typing import TypeVar

from deployments.errors import RoutingUnavailable

T = TypeVar("T")


async def in_time(turn: Awaitable[T]) -> T:
    """What `turn` waits for; its TimeoutError becomes RoutingUnavailable.

    Wait for no more than the turn in it: a TimeoutError of the encoder itself is a
    failure, to be told as such.
    """
    try:
        return await turn
    except TimeoutError:
        what = "The encoder has more to do than it can in time."
        raise RoutingUnavailable(what, retry_after_s=1.0) from None
