"""What httpx's transports are asked, and what their responses say."""

import gzip

import httpx

from deployments.backends.exchange import Outgoing
from deployments.backends.httpx_transport import HttpxTransport
from deployments.catalog import Timeouts

ASKED = Outgoing("POST", "http://up/v1", {"x-a": "b"}, b"question", Timeouts())


async def test_a_request_and_its_response_pass_whole():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(418, headers={"X-Id": "7"}, content=b"answer")

    transport = HttpxTransport(httpx.MockTransport(answer))
    reply = await transport.send(ASKED)
    body = b"".join([part async for part in reply.chunks()])
    await reply.close()
    await transport.close()

    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "http://up/v1")
    assert (request.content, request.headers["x-a"]) == (b"question", "b")
    assert request.extensions["timeout"] == {
        "connect": ASKED.timeouts.connect_s,
        "pool": ASKED.timeouts.connect_s,
        "read": ASKED.timeouts.total_s,
        "write": ASKED.timeouts.total_s,
    }
    assert (reply.status, reply.header("x-id"), body) == (418, "7", b"answer")
    assert reply.header("x-none") is None


async def test_an_answer_that_is_compressed_unasked():
    headers = {"content-encoding": "gzip"}
    packed = httpx.Response(200, headers=headers, content=gzip.compress(b"one"))
    transport = HttpxTransport(httpx.MockTransport(lambda _: packed))
    reply = await transport.send(ASKED)

    assert b"".join([part async for part in reply.chunks()]) == b"one"
