"""A backend's stream as it crosses a handle: few frames instead of many events."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from deployments.backends.sse import gathered
from deployments.protocol.backend import Ending, Item, Settlement


async def gathered_items(
    items: AsyncIterator[Item], interval_s: float
) -> AsyncIterator[bytes | Settlement]:
    """The first event at once, later ones in frames of what came within `interval_s`;
    then the settlement. Leaving early closes `items`."""
    settled: list[Settlement] = []

    async def events() -> AsyncIterator[bytes]:
        async with aclosing(items) as given:  # type: ignore[type-var]
            async for item in given:
                if isinstance(item, Ending):
                    yield item.frame
                    settled.append(item.settlement)
                elif isinstance(item, Settlement):
                    settled.append(item)
                else:
                    yield item

    async with aclosing(gathered(events(), interval_s)) as frames:  # type: ignore[type-var]
        async for frame in frames:
            yield frame
    yield settled[0]
