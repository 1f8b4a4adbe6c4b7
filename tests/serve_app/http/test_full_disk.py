"""What a client is told whose usage could not be recorded."""

import httpx

from deployments.usage.journal import Journal
from deployments.usage.recorder import Recorder
from serve_app.http.api import build_api
from tests.fakes import ScriptedBackend, gateway
from tests.small_disk import fill

BODY = {"messages": [{"role": "user", "content": "hi"}]}


async def asked(disk, backend, *, refuse: bool) -> httpx.Response:
    """The second request: the first finds out that the disk is full."""
    recorder = Recorder(Journal(disk), refuse=refuse, ballast_bytes=65536)
    fill(disk)
    app = build_api(gateway(backend=backend, sink=recorder))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers={"authorization": "Bearer sk-av-t"},
    ) as client:
        first = await client.post("/v1/chat/completions", json=BODY)
        assert first.status_code == 200
        return await client.post("/v1/chat/completions", json=BODY)


async def test_no_model_is_asked_whose_usage_could_not_be_recorded(small_disk):
    backend = ScriptedBackend()
    response = await asked(small_disk, backend, refuse=True)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("overloaded", "usage_not_recordable")
    assert "No space left on device" in error["message"]
    assert len(backend.requests) == 1


async def test_where_it_is_wanted_requests_are_answered_all_the_same(small_disk):
    response = await asked(small_disk, ScriptedBackend(), refuse=False)

    assert response.status_code == 200
