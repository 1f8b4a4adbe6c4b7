"""The upstream of the measurement: OpenAI's chat completions, as cheap as Python gets.

Not scripts/upstream, which plays every fault and keeps a ledger: one of its requests
costs many times this one's, as much as a gateway. Settings change while it runs:
`PUT /settings {"delay_ms": 50, "chunk_gap_ms": 0}`; `GET /settings` also tells how many
requests it has answered.
"""

import argparse
import asyncio
from dataclasses import asdict, dataclass
from typing import Any

import httptools
import orjson
import uvloop

from scripts.overhead.wire import CHUNKS, MARK, WORD

_JSON = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
)
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_MISSING = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
_USAGE = (
    b'{"prompt_tokens":90,"completion_tokens":%d,"total_tokens":%d,"cost":0.000123}'
    % (CHUNKS, 90 + CHUNKS)
)
_TEXT = b" ".join(b"%s%02d" % (WORD, number) for number in range(CHUNKS))
_ANSWER = (
    b'{"id":"gen-%d","object":"chat.completion","created":1790000000,"model":%s,'
    b'"provider":"Origin","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"%s %s"},"finish_reason":"stop"}],"usage":' + _USAGE + b"}"
)
_EVENT = (
    b'data: {"id":"gen-%d","object":"chat.completion.chunk","created":1790000000,'
    b'"model":%s,"provider":"Origin","choices":[{"index":0,"delta":{%s},'
    b'"finish_reason":%s}]%s}\n\n'
)


@dataclass
class Settings:
    """How it answers; `answered` counts."""

    delay_ms: float = 0.0
    chunk_gap_ms: float = 0.0
    answered: int = 0


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _events(number: int, model: bytes, mark: bytes) -> list[bytes]:
    """As pieces of a chunked body: the tokens, the end with the usage, `[DONE]`."""
    pieces = []
    for token in range(CHUNKS):
        text = b"%s%02d " % (WORD, token) if token else b"%s%s00 " % (mark, WORD)
        delta = b'"role":"assistant","content":"%s"' % text
        pieces.append(_framed(_EVENT % (number, model, delta, b"null", b"")))
    usage = b',"usage":' + _USAGE
    last = _EVENT % (number, model, b'"content":""', b'"stop"', usage)
    pieces.append(_framed(last))
    pieces.append(_framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    return pieces


class Connection(asyncio.Protocol):
    """One client's connection; requests on it come one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._url = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._url = url
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._url.endswith(b"/chat/completions"):
            asked = orjson.loads(self._body)
            if delay_ms := self._settings.delay_ms:
                self._loop.call_later(delay_ms / 1e3, self._answer, asked, self._body)
            else:
                self._answer(asked, self._body)
        elif self._url == b"/settings":
            self._set()
        else:
            self._transport.write(_MISSING)

    def _set(self) -> None:
        for name, value in orjson.loads(self._body or b"{}").items():
            setattr(self._settings, name, value)
        data = orjson.dumps(asdict(self._settings))
        self._transport.write(_JSON % len(data) + data)

    def _answer(self, asked: dict[str, Any], body: bytes) -> None:
        if self._transport.is_closing():
            return
        self._settings.answered += 1
        number = self._settings.answered
        found = MARK.findall(body)
        mark = b"#" + found[-1] if found else b""
        model = orjson.dumps(asked["model"])
        if asked.get("stream"):
            self._transport.write(_STREAM)
            self._send(_events(number, model, mark), 0)
            return
        data = _ANSWER % (number, model, mark, _TEXT)
        self._transport.write(_JSON % len(data) + data)

    def _send(self, pieces: list[bytes], at: int) -> None:
        """Each piece is a write of its own, as of a model that makes them in turn."""
        if self._transport.is_closing():
            return
        self._transport.write(pieces[at])
        if at + 1 == len(pieces):
            return
        if gap_ms := self._settings.chunk_gap_ms:
            self._loop.call_later(gap_ms / 1e3, self._send, pieces, at + 1)
        else:
            self._loop.call_soon(self._send, pieces, at + 1)


async def serve(port: int) -> None:
    """Until killed; prints `ready: PORT`."""
    settings = Settings()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(settings), "127.0.0.1", port
    )
    print(f"ready: {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
