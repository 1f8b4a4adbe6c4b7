"""The least a gateway in Python can be: uvicorn, aiohttp, and a check of the key.

What the other gateways do beyond this is what their users pay them for.
"""

import argparse
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import uvicorn

_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_COPIED = (b"content-type", b"content-length")


class Proxy:
    """An ASGI application that passes on what it gets."""

    def __init__(self, upstream: str, key: str) -> None:
        self._upstream = upstream
        self._key = hashlib.sha256(key.encode()).digest()
        self._client: aiohttp.ClientSession | None = None

    async def __call__(
        self, scope: dict[str, Any], receive: _Receive, send: _Send
    ) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/healthz":
            await _answer(send, 200, b"ok")
        elif not self._may(dict(scope["headers"])):
            await _answer(send, 401, b"wrong key")
        else:
            await self._pass(await _body(receive), send)

    def _may(self, headers: dict[bytes, bytes]) -> bool:
        key = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        return hmac.compare_digest(hashlib.sha256(key).digest(), self._key)

    async def _pass(self, body: bytes, send: _Send) -> None:
        if self._client is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._client = aiohttp.ClientSession(connector=connector)
        headers = {"content-type": "application/json", "authorization": "Bearer up"}
        request = self._client.post(self._upstream, data=body, headers=headers)
        async with request as response:
            copied = [
                (name, value)
                for raw, value in response.raw_headers
                if (name := raw.lower()) in _COPIED
            ]
            start = {"type": "http.response.start", "status": response.status}
            await send({**start, "headers": copied})
            async for part in response.content.iter_any():
                await send(
                    {"type": "http.response.body", "body": part, "more_body": True}
                )
            await send({"type": "http.response.body"})


async def _body(receive: _Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: _Send, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    uvicorn.run(
        Proxy(options.upstream, options.key),
        port=options.port,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
