"""HTTP/2 with the h2 library; frames that it refuses to write are written past it."""

import asyncio
from dataclasses import dataclass, field

import h2.events as events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from scripts.upstream.exchange import Answer, Pipe, Request

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WINDOW = 2**24
_STREAMS = 1000


@dataclass(slots=True)
class _Stream:
    headers: dict[str, str]
    body: list[bytes] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Http2Connection:
    """All streams of one connection; each request is answered by a task."""

    def __init__(self, pipe: Pipe, answer: Answer) -> None:
        self.pipe = pipe
        self._answer = answer
        self._streams: dict[int, _Stream] = {}
        self._last: int | None = None  # after a GOAWAY: the last stream to be answered
        self.window = asyncio.Event()
        self.h2 = H2Connection(
            H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.h2.initiate_connection()
        self.h2.update_settings(
            {
                SettingCodes.INITIAL_WINDOW_SIZE: 2**20,
                SettingCodes.MAX_CONCURRENT_STREAMS: _STREAMS,
            }
        )
        self.h2.increment_flow_control_window(_WINDOW)
        self.flush()

    def feed(self, data: bytes) -> None:
        """Bytes from the client; nonsense ends the connection."""
        try:
            for event in self.h2.receive_data(data):
                self._handle(event)
        except ProtocolError:
            self.flush()
            self.pipe.close()
            self.lost()
            return
        self.flush()

    def lost(self) -> None:
        """The connection is gone, and with it whoever waits for an answer."""
        for stream in self._streams.values():
            self._cancel(stream)

    def flush(self) -> None:
        """Write what h2 has made."""
        if data := self.h2.data_to_send():
            self.pipe.write(data)

    def forget(self, stream_id: int) -> None:
        """An answer has ended; after a GOAWAY the last one ends the connection."""
        self._streams.pop(stream_id, None)
        if self._last is not None and not self._streams:
            self.pipe.close()

    @property
    def gone_away(self) -> bool:
        """Whether a GOAWAY has been sent."""
        return self._last is not None

    def go_away(self, last: int, code: ErrorCodes) -> None:
        """Past h2, which would let no stream go on."""
        self.flush()
        frame = GoAwayFrame(stream_id=0, last_stream_id=last, error_code=code)
        self.pipe.write(frame.serialize())
        self._last = last

    def _handle(self, event: events.Event) -> None:
        if isinstance(event, events.RequestReceived):
            if self._last is None:  # after a GOAWAY nothing new is taken
                headers = {str(name): str(value) for name, value in event.headers}
                self._streams[event.stream_id] = _Stream(headers)
        elif isinstance(event, events.DataReceived):
            self.h2.acknowledge_received_data(
                event.flow_controlled_length, event.stream_id
            )
            if stream := self._streams.get(event.stream_id):
                stream.body.append(event.data)
        elif isinstance(event, events.StreamEnded):
            self._begin(event.stream_id)
        elif isinstance(event, events.WindowUpdated | events.RemoteSettingsChanged):
            self.window.set()
        else:
            self._give_up(event)

    def _give_up(self, event: events.Event) -> None:
        """One answer, or all of them: after a GOAWAY h2 lets nothing be sent."""
        if isinstance(event, events.StreamReset):
            self._cancel(self._streams.get(event.stream_id))
        elif isinstance(event, events.ConnectionTerminated):
            self.lost()

    @staticmethod
    def _cancel(stream: _Stream | None) -> None:
        if stream and stream.task:
            stream.task.cancel()

    def _begin(self, stream_id: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        headers = stream.headers
        request = Request(
            headers[":method"], headers[":path"], headers, b"".join(stream.body)
        )
        exchange = Http2Exchange(self, stream_id, request)
        stream.task = asyncio.ensure_future(self._run(exchange, stream_id))

    async def _run(self, exchange: "Http2Exchange", stream_id: int) -> None:
        try:
            await self._answer(exchange)
        finally:
            self.forget(stream_id)


class Http2Exchange:
    """Answers on one stream, within its flow-control window."""

    protocol = "HTTP/2"

    def __init__(
        self, connection: Http2Connection, stream_id: int, request: Request
    ) -> None:
        self.request = request
        self._connection = connection
        self._id = stream_id

    @property
    def gone_away(self) -> bool:
        return self._connection.gone_away

    async def start(self, status: int, headers: dict[str, str]) -> None:
        fields = [(":status", str(status)), *headers.items()]
        self._connection.h2.send_headers(self._id, fields)
        self._connection.flush()

    async def send(self, data: bytes) -> None:
        h2, rest = self._connection.h2, memoryview(data)
        while rest:
            room = min(
                h2.local_flow_control_window(self._id), h2.max_outbound_frame_size
            )
            if room <= 0:
                self._connection.window.clear()
                await self._connection.window.wait()
                continue
            h2.send_data(self._id, bytes(rest[:room]))
            rest = rest[room:]
            self._connection.flush()
        await self._connection.pipe.drain()

    async def finish(self) -> None:
        self._connection.h2.end_stream(self._id)
        self._connection.flush()

    def close(self, *, reset: bool) -> None:
        self._connection.pipe.close(reset=reset)

    def reset_stream(self) -> None:
        self._connection.h2.reset_stream(self._id, ErrorCodes.INTERNAL_ERROR)
        self._connection.flush()

    def break_framing(self) -> None:
        # A DATA frame that belongs to no stream.
        self._connection.flush()
        self._connection.pipe.write(b"\x00\x00\x04\x00\x00\x00\x00\x00\x00oops")

    def go_away(self, *, abrupt: bool) -> None:
        if abrupt:
            self._connection.go_away(max(0, self._id - 2), ErrorCodes.INTERNAL_ERROR)
            self._connection.pipe.close()
        else:
            self._connection.go_away(self._id, ErrorCodes.NO_ERROR)
