"""The faults themselves."""

import asyncio
from email.utils import formatdate
from time import time
from typing import NoReturn

import orjson

from scripts.upstream.dialect import COMMENT, error_body
from scripts.upstream.exchange import Exchange
from scripts.upstream.faults import STATUSES, Fault

JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream", "cache-control": "no-cache"}
HTML = {"content-type": "text/html; charset=utf-8"}
RETRY_AFTER_S = 7
ERROR_ANSWER = orjson.dumps(error_body(502, "Provider returned error"))

# Told of in the words of those who say it by a status that says less.
_BODIES = {
    "400-model": error_body(400, "no/such-model is not a valid model ID"),
    "413": {
        "error": {
            "message": "Request too large for model `m` in organization `o` on tokens "
            "per minute (TPM): Limit 6000, Requested 14368, please reduce your message "
            "size and try again.",
            "type": "tokens",
            "code": "rate_limit_exceeded",
        }
    },
}
_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_DELIVERED_S = 0.05  # for bytes to arrive before a reset throws them away
_COMMENTS_S = 0.1
_ODD = (1, 2, 3, 5, 7, 11, 13, 64)


class Unfinished(Exception):
    """The answer ended here, and not well."""


async def refuse(exchange: Exchange, name: str) -> int:
    """A whole answer with an error status; returns the status."""
    status = int(name.partition("-")[0])
    said = _BODIES.get(name) or error_body(status, STATUSES[name])
    headers, body = dict(JSON), orjson.dumps(said)
    if name == "429":
        headers["retry-after"] = str(RETRY_AFTER_S)
    elif name == "429-date":
        headers["retry-after"] = formatdate(time() + RETRY_AFTER_S, usegmt=True)
    elif name == "502-html":
        headers, body = dict(HTML), _PAGE
    await exchange.start(status, {**headers, "content-length": str(len(body))})
    await exchange.send(body)
    await exchange.finish()
    return status


async def whole_page(exchange: Exchange, name: str, *, streamed: bool) -> None:
    """200 and a page of HTML; or 200 and nothing at all."""
    kind = SSE if streamed else JSON
    headers, body = (HTML, _PAGE) if name == "wrong-type" else (kind, b"")
    await exchange.start(200, {**headers, "content-length": str(len(body))})
    if body:
        await exchange.send(body)
    await exchange.finish()


async def drip(exchange: Exchange, data: bytes) -> None:
    """The same bytes in pieces of odd sizes, each sent by itself."""
    at = step = 0
    while at < len(data):
        size = _ODD[step % len(_ODD)]
        await exchange.send(data[at : at + size])
        await asyncio.sleep(0.001)
        at, step = at + size, step + 1


async def commit(
    exchange: Exchange, fault: Fault, *, error: bytes = b"", body: bytes = b""
) -> NoReturn:
    """Break off; `body` is a whole answer of which a half is still sent."""
    half = body[: len(body) // 2]
    if half and fault.name not in {"malformed-json", "error-chunk"}:
        await exchange.send(half)
    if fault.name == "hang":
        await asyncio.Event().wait()
    elif fault.name == "comments":
        while True:
            await exchange.send(COMMENT)
            await asyncio.sleep(_COMMENTS_S)
    elif fault.name == "malformed-json":
        await _nonsense(exchange, body)
    elif fault.name in {"error-chunk", "announced-error"}:
        await _error_object(exchange, error, body)
    else:
        await asyncio.sleep(_DELIVERED_S)
        _break(exchange, fault.name)
    raise Unfinished


def _break(exchange: Exchange, name: str) -> None:
    if name == "malformed-framing":
        exchange.break_framing()
    elif name == "stream-reset":
        exchange.reset_stream()
    elif name == "goaway-abrupt":
        exchange.go_away(abrupt=True)
    else:
        exchange.close(reset=name == "cut-rst")


async def _nonsense(exchange: Exchange, body: bytes) -> None:
    """JSON that ends too early, in a body that ends well."""
    wrong = body[: len(body) // 2].ljust(len(body)) if body else b'data: {"id":"ge\n\n'
    await exchange.send(wrong)
    await exchange.finish()


async def _error_object(exchange: Exchange, error: bytes, body: bytes) -> None:
    """An error event; in a whole answer the object by itself, padded to the length."""
    await exchange.send(ERROR_ANSWER.ljust(len(body)) if body else error)
    await exchange.finish()
