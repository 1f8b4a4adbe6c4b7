"""A response that sends server-sent events as they come."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class LastPiece(bytes):
    """Events with which a stream ends: the end of the response goes with them."""


class EventStream(Response):
    """Starlette's StreamingResponse without its second task for each stream.

    That one waits for the client to leave; Serve does that for every request, and
    cancels it then.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes, None], headers: Mapping[str, str]
    ) -> None:
        self._events = events
        self.status_code = 200
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, the events, and the end."""
        head = {"type": "http.response.start", "status": self.status_code}
        async with aclosing(self._events) as events:
            await send({**head, "headers": self.raw_headers})
            more = True
            # To their end: a source that is closed before would think that the client
            # has left.
            async for event in events:
                more = not isinstance(event, LastPiece)
                body = {"type": "http.response.body", "body": event}
                await send({**body, "more_body": more})
            if more:
                await send({"type": "http.response.body", "body": b""})
