"""The end of an upstream's stream: whether the answer is whole, and what is left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from deployments.backends.chat_stream import ChatStream
from deployments.backends.open_reply import FAILURES
from deployments.backends.responses_stream import ResponsesStream
from deployments.errors import ServingError

Followed = ChatStream | ResponsesStream

_DRAIN_S = 0.05


async def end(answer: Followed, chunks: AsyncIterator[bytes]) -> None:
    """UpstreamError, or the error that came last, where the answer is not complete."""
    if answer.done:
        await _drain(chunks)
    answer.finish()


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read to the end of the body, which frees the connection for the next request.

    It should be there already; an upstream that dawdles loses the connection instead,
    and one that breaks it has said all the same that the answer is complete.
    """
    with suppress(*FAILURES, ServingError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass
