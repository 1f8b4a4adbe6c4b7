"""A reply while it is open: what goes wrong meanwhile becomes a ServingError."""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType

import httpcore
import httpx
from h2.exceptions import H2Error

from deployments.backends.chat_events import failure_in, json_object
from deployments.backends.exchange import Outgoing, Reply, Transport
from deployments.backends.patience import Patience
from deployments.backends.upstream_errors import EXPLAINED, status_error
from deployments.errors import (
    ServingError,
    UpstreamError,
    UpstreamTimeout,
    mark_generation,
)

# Some escape httpx while a body is read: h2's own errors, those of the socket, and
# httpcore's for an answer that a GOAWAY disowns.
FAILURES = (httpx.HTTPError, httpcore.ConnectionNotAvailable, H2Error, OSError)

_SAID_S = 1.0
_SAID_BYTES = 2**14


class OpenReply:
    """The context of one reply; of one with events if `events` waits for it.

    There is one for each request, and a generator's context would cost several times
    this.
    """

    __slots__ = ("_events", "_outgoing", "_reply", "_transport")

    def __init__(
        self, transport: Transport, outgoing: Outgoing, events: Patience | None = None
    ) -> None:
        self._transport = transport
        self._outgoing = outgoing
        self._events = events

    async def __aenter__(self) -> Reply:
        try:
            if self._events is None:
                reply = await self._transport.send(self._outgoing)
            else:
                async with self._events.waiting():
                    reply = await self._transport.send(self._outgoing)
        except FAILURES as error:
            raise _translated(error) from None
        self._reply = reply
        wanted = False
        try:
            if unwanted := await self._unwanted(reply):
                unwanted.generation_id = generation_id(reply)
                raise unwanted
            wanted = True
        finally:
            if not wanted:  # nobody will leave this context, which closes it
                await reply.close()
        return reply

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # Whatever fails from here on may have been charged: say under which id.
            if isinstance(error, ServingError | asyncio.CancelledError):
                mark_generation(error, generation_id(self._reply))
            elif isinstance(error, FAILURES):
                failure = _translated(error)
                failure.generation_id = generation_id(self._reply)
                raise failure from None
        finally:
            await self._reply.close()

    async def _unwanted(self, reply: Reply) -> ServingError | None:
        if reply.status in EXPLAINED:
            return status_error(reply, await _beginning(reply))
        if reply.status != HTTPStatus.OK:
            return status_error(reply)
        kind = reply.header("content-type") or ""
        if self._events is not None and not kind.startswith("text/event-stream"):
            return await _instead_of_events(reply, kind)
        return None


async def _instead_of_events(reply: Reply, kind: str) -> ServingError:
    """It may be an error that some say with status 200 to whoever asks for a stream."""
    if kind.startswith("application/json"):
        with suppress(ServingError):
            said = json_object(await _beginning(reply), "answer")
            if failure := failure_in(said):
                return failure
    return UpstreamError("The upstream did not answer with an event stream.")


async def _beginning(reply: Reply) -> bytes:
    """Of the body, as much as says what is wrong, if it comes soon."""
    said = b""
    with suppress(*FAILURES):
        async with asyncio.timeout(_SAID_S):
            async for part in reply.chunks():
                said += part
                if len(said) >= _SAID_BYTES:
                    break
    return said


def _translated(error: Exception) -> ServingError:
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeout("The upstream did not answer in time.")
    kind = type(error).__name__
    return UpstreamError(f"The connection to the upstream failed ({kind}).")


def generation_id(reply: Reply) -> str | None:
    """OpenRouter's id of the answer, which comes with the headers."""
    return reply.header("x-generation-id")
