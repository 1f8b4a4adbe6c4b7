"""Makes httpcore tell an HTTP/2 upstream when an answer is not wanted any more.

httpcore 1.0 closes a stream early without RST_STREAM: the upstream goes on answering,
and charging, until the whole connection ends. Over HTTP/1.1 the connection is closed,
which is all that is needed.
"""

from typing import Any

import h2.config
import h2.errors
import h2.events
import h2.exceptions
import httpcore
from httpcore._async.http2 import AsyncHTTP2Connection

_closed = AsyncHTTP2Connection._response_closed


def reset_streams_closed_early() -> None:
    """From now on, in this process; harmless if done twice."""
    setattr(AsyncHTTP2Connection, "_response_closed", _reset_and_close)  # noqa: B010


async def _reset_and_close(connection: Any, stream_id: int) -> None:
    state = connection._h2_state
    stream = state.streams.get(stream_id)
    if stream is not None and not stream.closed:
        try:
            _acknowledge(connection, stream_id)
            state.reset_stream(stream_id, error_code=h2.errors.ErrorCodes.CANCEL)
            await connection._write_outgoing_data(_UNTIMED)
        except (h2.exceptions.H2Error, httpcore.NetworkError, OSError):
            pass  # the connection is gone, and the stream with it
    await _closed(connection, stream_id)


def _acknowledge(connection: Any, stream_id: int) -> None:
    """What came and was not read: else the connection's window shrinks for good."""
    for event in connection._events.get(stream_id, ()):
        if isinstance(event, h2.events.DataReceived):
            size = event.flow_controlled_length
            connection._h2_state.acknowledge_received_data(size, stream_id)


# What httpcore writes on behalf of; only its timeouts are looked at.
_UNTIMED = httpcore.Request("POST", "https://reset", extensions={"timeout": {}})
