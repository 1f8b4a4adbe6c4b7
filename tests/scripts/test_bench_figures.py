"""What benchmarks say of few figures, and leave behind when they are wrong."""

import asyncio
from collections import Counter

import pytest

from scripts.bench import limits
from scripts.bench.budget_run import Tally, wrong
from scripts.bench.route import p99
from scripts.bench.streams import first_tokens
from scripts.bench.tenants_reached import Reached
from scripts.bench.upstream import ask, shares, upstream
from scripts.bench.vllm import first_token_s


def test_a_percentile_of_few_is_not_beyond_the_greatest():
    assert p99([1.0, 2.0]) == pytest.approx(1.99)
    assert first_tokens([1.0, 2.0]) == "p50 1.500 s, p99 1.990 s"


def test_no_stream_has_no_first_token():
    assert first_tokens([]) == "of 0 streams: too few to tell"


def test_as_many_are_counted_as_are_asked():
    assert shares(100, 64) == (1, 64)
    assert shares(4000, 20) == (200, 4000)
    assert shares(10, 16) == (1, 16)


def test_the_upstream_ends_with_its_block_whatever_happens():
    with pytest.raises(ZeroDivisionError), upstream() as (_, process):
        raise ZeroDivisionError
    assert not process.is_running()


def test_a_budget_that_was_spent_before_anybody_was_killed_proves_nothing():
    spent = Tally(answered=9, seen_usd=1.0, spent_usd=1.0, to_kill=2)
    killed = Tally(spent_usd=1.0, to_kill=2, killed=["Gateway", "Gateway"])

    assert wrong(spent, 1.0) == ["only 0 of 2 were killed in time"]
    assert wrong(killed, 1.0) == []


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_answers_with_errors_has_no_speed(stream):
    async def refuse(reader, writer):
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def measured():
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await ask(port, stream=stream, each=1, concurrency=1)

    with pytest.raises(ValueError, match="404 not found"):
        asyncio.run(measured())


def test_a_limit_is_not_kept_by_requests_that_fail():
    tally = limits.Tally(statuses=Counter({"200": 600, "429": 5, "503": 2}))

    assert limits.wrong(tally, {0: 600}, 600) == ["2 × 503"]
    assert limits.wrong(tally, {0: 650}, 600) == ["+50 of 600 from 0 s on", "2 × 503"]


def test_changes_that_nobody_asked_meanwhile_prove_nothing():
    assert not Reached(issued_s=[0.1], revoked_s=[0.1]).holds
    assert Reached(issued_s=[0.1], revoked_s=[0.1], asked=1).holds
    assert not Reached(issued_s=[0.1], revoked_s=[0.1], asked=2, failed=1).holds


def streamed(*events):
    async def ask_it(_):
        for event in events:
            yield b"data: " + event + b"\n\n"

    return asyncio.run(first_token_s(ask_it, {}))


def test_a_stream_that_breaks_off_has_no_rate():
    token = b'{"choices":[{"delta":{"content":"x"},"finish_reason":null}]}'
    last = b'{"choices":[{"delta":{"content":""},"finish_reason":"length"}]}'

    assert streamed(token, last, b"[DONE]") > 0
    with pytest.raises(SystemExit, match="ended early"):
        streamed(token, b'{"error":{"code":"upstream_error"}}', b"[DONE]")
