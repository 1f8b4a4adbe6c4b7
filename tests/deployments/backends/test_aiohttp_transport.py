"""HTTP by aiohttp, against real sockets: what is told of an answer that breaks."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import httpx
import orjson
import pytest

from deployments.backends.aiohttp_transport import AiohttpTransport, proxy_of
from deployments.backends.exchange import Outgoing, Reply
from deployments.backends.openrouter import OpenRouterBackend, UpstreamConfig
from deployments.catalog import Timeouts
from deployments.protocol.backend import BackendRequest, Ending, Settlement

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-one: 1\r\nx-one: 2\r\n\r\n"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Handler], Awaitable[str]]


def framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server of one handler and returns its address."""
    servers: list[asyncio.Server] = []
    handlers: set[asyncio.Task[None]] = set()

    async def start(handler: Handler) -> str:
        async def handle(reader, writer):
            handlers.add(asyncio.current_task())
            await handler(reader, writer)
            await writer.wait_closed()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield start
    for server in servers:
        server.close()
    await asyncio.gather(*handlers, return_exceptions=True)


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport(max_connections=10, gather_s=0.2)
    yield made
    await made.close()


def post(url: str, **timeouts: float) -> Outgoing:
    return Outgoing("POST", url, {"x-a": "b"}, b"question", Timeouts(**timeouts))


async def body(reply: Reply) -> bytes:
    return b"".join([part async for part in reply.chunks()])


def answering(*pieces: bytes, stays: bool = False) -> Handler:
    """Sends pieces, each in its own packet, then hangs up."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        await reader.readuntil(b"question")
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        if stays:
            await reader.read()
        writer.close()

    return handler


async def test_a_request_and_its_response_pass_whole(serve, transport):
    seen: list[bytes] = []

    async def handler(reader, writer):
        seen.append(await reader.readuntil(b"question"))
        writer.write(HEAD + framed(b"one") + framed(b"two") + b"0\r\n\r\n")
        writer.close()

    reply = await transport.send(post(await serve(handler)))

    assert await body(reply) == b"onetwo"
    assert (reply.status, reply.header("x-one")) == (200, "1")
    head = seen[0].lower()
    assert (head.count(b"content-length: 8"), head.count(b"x-a: b")) == (1, 1)


@pytest.mark.parametrize(
    "end", [b"", b"no such size\r\n\r\n"], ids=["hangs up", "nonsense"]
)
async def test_what_arrived_before_a_break_comes_first(serve, transport, end):
    url = await serve(answering(HEAD + framed(b"one"), framed(b"two") + end))
    reply = await transport.send(post(url))
    await asyncio.sleep(0.1)  # both pieces and the break are here

    received: list[bytes] = []

    async def read() -> None:
        async for part in reply.chunks():
            received.append(part)  # noqa: PERF401  (it must be kept when it breaks)

    with pytest.raises(httpx.RemoteProtocolError):
        await read()
    await reply.close()
    assert b"".join(received) == b"onetwo"


async def test_pieces_that_arrive_during_a_pause_are_one(serve, transport):
    came = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        await reader.readuntil(b"question")
        writer.write(HEAD + framed(b"a"))
        await came.wait()
        writer.write(framed(b"b"))
        writer.write(framed(b"c"))
        await reader.read()
        writer.close()

    reply = await transport.send(post(await serve(handler)))
    parts = reply.chunks()
    first = await anext(parts)
    await reply.pause()  # a whole interval begins now
    came.set()
    await reply.pause()

    assert (first, await anext(parts)) == (b"a", b"bc")
    await reply.close()


@pytest.mark.parametrize(
    "end", [b"0\r\n\r\n", b"no such size\r\n\r\n"], ids=["whole", "broken"]
)
async def test_a_pause_is_over_when_the_response_is(serve, end):
    url = await serve(answering(HEAD + framed(b"a"), framed(b"b") + end))
    patient = AiohttpTransport(max_connections=10, gather_s=3600)
    reply = await patient.send(post(url))
    async with asyncio.timeout(30):
        await reply.pause()

    parts = reply.chunks()
    assert await anext(parts) == b"ab"
    await reply.close()
    await patient.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_an_answer_that_is_compressed_unasked(serve, transport, encoding):
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](b"one" * 99)
    head = HEAD.replace(b"x-one: 1", b"content-encoding: " + encoding.encode())
    url = await serve(answering(head + framed(packed) + b"0\r\n\r\n"))

    assert await body(await transport.send(post(url))) == b"one" * 99


async def test_leaving_early_closes_the_connection(serve, transport):
    left = asyncio.Event()

    async def handler(reader, writer):
        await reader.readuntil(b"question")
        writer.write(HEAD + framed(b"a"))
        await reader.read()
        left.set()
        writer.close()

    reply = await transport.send(post(await serve(handler)))
    await reply.close()

    async with asyncio.timeout(30):
        await left.wait()


async def test_nothing_is_sent_on_a_connection_that_was_closed(serve, transport):
    url = await serve(answering(HEAD + framed(orjson.dumps(1)) + b"0\r\n\r\n"))

    for _ in range(5):
        reply = await transport.send(post(url))
        assert await body(reply) == b"1"
        await reply.close()
        await asyncio.sleep(0.05)


async def test_cookies_are_not_kept(serve, transport):
    asked: list[bytes] = []

    async def handler(reader, writer):
        asked.append(await reader.readuntil(b"question"))
        writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    # By its name: of an address in digits no jar would keep any.
    url = (await serve(handler)).replace("127.0.0.1", "localhost")
    for _ in range(2):
        await (await transport.send(post(url))).close()

    assert b"cookie" not in asked[1].lower()


async def test_no_redirect_is_followed_with_a_key_and_a_prompt(serve, transport):
    asked: list[bytes] = []

    async def elsewhere(reader, writer):
        asked.append(await reader.readuntil(b"question"))
        writer.close()

    to = (await serve(elsewhere)).encode()
    moved = b"HTTP/1.1 307 Moved\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % to
    reply = await transport.send(post(await serve(answering(moved))))
    await reply.close()

    assert (reply.status, asked) == (307, [])


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_each_request_has_the_time_of_its_own_model(serve, transport):
    quick = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    await (await transport.send(post(await serve(quick), total_s=600))).close()
    slow = post(await serve(silent), total_s=0.05)

    async with asyncio.timeout(30):
        with pytest.raises(httpx.ReadTimeout):
            await transport.send(slow)


async def test_nobody_there_and_nobody_answering(serve, transport):
    slow = post(await serve(silent), total_s=0.05)
    with pytest.raises(httpx.ReadTimeout):
        await transport.send(slow)
    with pytest.raises(httpx.ConnectError):
        await transport.send(post("http://127.0.0.1:1/v1"))


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://p:3128"}, "http://p:3128"),
        ({"https_proxy": "p:3128"}, "http://p:3128"),
        ({"all_proxy": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://p:3128", "no_proxy": "upstream.test"}, None),
    ],
)
def test_the_environment_s_proxy(monkeypatch, variables, proxy):
    for name in ("https_proxy", "all_proxy", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert proxy_of(httpx.URL("https://upstream.test/v1/")) == proxy


@pytest.mark.parametrize(("gather_ms", "most"), [(25, 30), (1000, 9)])
async def test_a_stream_of_the_backend_comes_in_few_frames(serve, gather_ms, most):
    event = b'data: {"model":"theirs","choices":[{"delta":{"content":"a"}}]}\n\n'
    head = HEAD.replace(b"x-one: 1", b"content-type: text/event-stream")
    pieces = [head + framed(event), *[framed(event)] * 30]
    url = await serve(answering(*pieces, framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"))
    config = UpstreamConfig(base_url=url.removesuffix("/v1"), gather_ms=gather_ms)
    backend = OpenRouterBackend(config, None)
    request = BackendRequest("r", "ours", "theirs", b"question")
    async with aclosing(backend.stream(request)) as items:
        *frames, last = [item async for item in items]
    await backend.close()
    if isinstance(last, Ending):  # what came last may have come with the end
        frames, last = [*frames, last.frame], last.settlement

    assert backend.gathers
    assert isinstance(last, Settlement)
    assert b"".join(frames).count(b'"model":"ours"') == 31
    assert frames[0].count(b"data: ") == 1  # at once
    assert len(frames) <= most
