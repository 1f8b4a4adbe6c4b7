"""A stream from the first model that begins to answer, followed to its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass

from deployments.backends.patience import Patience
from deployments.catalog import Timeouts
from deployments.errors import ServingError, UpstreamError
from deployments.protocol.backend import Item, Settlement, settlement_of
from serve_app.answering.answered import Answered, answered
from serve_app.answering.asking import Asking
from serve_app.answering.call import BackendPort
from serve_app.answering.received import Received
from serve_app.answering.run import Run

# A backend keeps its own timeouts; only one that is stuck itself needs this much more.
GRACE_S = 5.0

# Bytes, and last the settlement, alone or with the bytes that came with the end.
Frames = AsyncIterator[Item]


@dataclass(frozen=True, slots=True)
class Started:
    """A stream whose first frame has arrived: the headers can go out."""

    answered: Answered
    frames: Frames
    received: Received


async def first_stream(run: Run) -> Started:
    """Raises the last model's error if all that were tried fail."""
    while True:
        port, request = await run.next()
        patience = Patience(_with_grace(request.timeouts))
        frames = port.backend.stream(request)
        try:
            first = await _first(frames, patience, port)
        except ServingError as error:
            run.failed(port, request, error)
        else:
            run.began(port, request)
            received = Received()
            # Now: if nobody comes to read it, it says which answer that was.
            received.add(first)
            items = _paced(first, frames, patience, port, received)
            followed = _followed(run, (port, request), received, items)
            # From here on it ends with a record, though nobody may come to read it.
            await anext(followed)
            return Started(answered(run, port, request), followed, received)


async def _first(
    frames: AsyncIterator[Item], patience: Patience, port: BackendPort
) -> Item:
    """UpstreamError if none comes, or a settlement and nothing to pass on."""
    try:
        async with asyncio.timeout_at(patience.until):
            first = await anext(frames, None)
            if first is None or isinstance(first, Settlement):
                empty = UpstreamError("The upstream's answer is empty.")
                empty.settlement = first
                await anext(frames, None)  # to its end, that nothing is cancelled
                raise empty
            return first
    except TimeoutError:
        raise stuck(port) from None


async def _followed(
    run: Run,
    asked: Asking,
    received: Received,
    items: Frames,
) -> Frames:
    """A stream passed on, and its end recorded, whatever it is.

    The first item is empty: a generator that was never begun cannot be closed.
    """
    finished = False
    try:
        async with aclosing(items):  # type: ignore[type-var]
            yield b""
            async for item in items:
                if not isinstance(item, bytes):
                    run.finished(*asked, settlement_of(item))
                    finished = True
                yield item
    except ServingError as error:
        run.broke_off(*asked, received, error)
        raise
    except Exception:
        run.broke_off(*asked, received, ServingError("An error of ours."))
        raise
    except (asyncio.CancelledError, GeneratorExit):
        if not finished:
            run.broke_off(*asked, received, None)
        raise


async def _paced(
    first: Item,
    frames: AsyncIterator[Item],
    patience: Patience,
    port: BackendPort,
    received: Received,
) -> Frames:
    """All items; UpstreamError if the backend is stuck or leaves out the settlement."""
    seen = 1
    item = first
    async with aclosing(frames):  # type: ignore[type-var]
        while True:
            with patience.excused():
                yield item
            if not isinstance(item, bytes):
                await _to_its_end(frames)
                return
            patience.saw(seen)
            try:
                async with asyncio.timeout_at(patience.until):
                    item = await anext(frames)
            except TimeoutError:
                raise stuck(port) from None
            except StopAsyncIteration:
                raise UpstreamError("The answer ended without its usage.") from None
            received.add(item)
            seen += 1


async def _to_its_end(frames: AsyncIterator[Item]) -> None:
    """All is said: now the backend may end, too. Who was closed instead would take the
    client for gone, and its answer for cancelled."""
    with suppress(ServingError, TimeoutError):
        async with asyncio.timeout(GRACE_S):
            await anext(frames, None)


def _with_grace(timeouts: Timeouts) -> Timeouts:
    more = timeouts.connect_s + GRACE_S
    return Timeouts(
        connect_s=timeouts.connect_s,
        first_token_s=timeouts.first_token_s + more,
        between_tokens_s=timeouts.between_tokens_s + more,
        total_s=timeouts.total_s + more,
    )


def stuck(port: BackendPort) -> UpstreamError:
    """The error of a backend that keeps not even its own timeouts."""
    return UpstreamError(f"The backend {port.name} does not answer.", code="stuck")
