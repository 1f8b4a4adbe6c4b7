import asyncio

import pytest

from scripts.overhead.load import Generator, quantile
from scripts.overhead.origin import Connection, Settings
from scripts.overhead.wire import CHUNKS, Load


class Liar(Connection):
    """Answers every question as if it were another one."""

    def _answer(self, asked, body):
        super()._answer(asked, body.replace(b"#", b"#9"))


class Losing(Connection):
    """Leaves out one token of each stream."""

    def _send(self, pieces, at):
        super()._send([pieces[0], *pieces[2:]] if at == 0 else pieces, at)


@pytest.fixture
async def serve():
    """Serves connections of a class; gives their port and the settings."""
    servers = []

    async def start(connection=Connection):
        settings = Settings()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: connection(settings), "127.0.0.1", 0)
        servers.append(server)
        return server.sockets[0].getsockname()[1], settings

    yield start
    for server in servers:
        server.close()


def load(port, **terms):
    return Load(port, "/api/v1/chat/completions", {}, "m", 0.2, **terms)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_closed_loop_is_answered_and_all_is_well(serve, stream):
    port, settings = await serve()

    seen = await Generator(load(port, connections=4, stream=stream)).run()

    assert seen.errors == {}
    assert seen.answers == settings.answered > 0


async def test_answers_slower_than_the_sample_have_a_rate(serve):
    port, settings = await serve()
    settings.delay_ms = 400  # twice as long

    seen = await Generator(load(port, connections=4)).run()

    assert seen.answers == 4
    assert 0 < seen.rate <= 10


async def test_an_open_loop_asks_at_its_rate(serve):
    port, settings = await serve()

    seen = await Generator(load(port, rate=50.0)).run()

    assert seen.answers == settings.answered == 10


async def test_latency_holds_the_upstream_s_delay(serve):
    port, settings = await serve()
    settings.delay_ms = 30

    seen = await Generator(load(port, rate=50.0, stream=True)).run()

    assert min(seen.first_token_ms) >= 29
    assert min(seen.latency_ms) >= min(seen.first_token_ms)


async def test_another_question_s_answer_is_an_error(serve):
    port, _ = await serve(Liar)

    seen = await Generator(load(port)).run()

    assert seen.answers == 0
    assert set(seen.errors) == {"another question's answer"}


async def test_an_answer_that_lacks_a_token_is_an_error(serve):
    port, _ = await serve(Losing)

    seen = await Generator(load(port, stream=True)).run()

    assert seen.answers == 0
    assert set(seen.errors) == {f"{CHUNKS - 1} of {CHUNKS} tokens"}


async def test_a_header_that_must_be_there_and_is_not_is_an_error(serve):
    port, _ = await serve()

    seen = await Generator(load(port, must_say="x-routing: routed")).run()

    assert set(seen.errors) == {"not x-routing: routed"}


async def test_a_status_is_an_error(serve):
    port, _ = await serve()
    nowhere = Load(port, "/elsewhere", {}, "m", 0.2)

    assert set((await Generator(nowhere).run()).errors) == {"status 404"}


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.5), (0.99, 100), (0.0, 1)])
def test_quantiles(share, value):
    assert quantile([float(n) for n in range(100, 0, -1)], share) == value


async def test_who_does_not_listen_is_an_error():
    seen = await Generator(load(1)).run()

    assert set(seen.errors) == {"ConnectionRefusedError"}
    assert seen.rate == 0
