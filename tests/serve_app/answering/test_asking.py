"""What is asked of a backend: by whom it is served decides what may be charged for."""

import pytest

from deployments.catalog import ModelSpec
from serve_app.answering.asking import asking
from serve_app.answering.call import BackendPort
from tests.fakes import ScriptedBackend
from tests.serve_app.access.limited_tenant import World

TIER = {"service_tier": "priority", "web_search_options": {}}


@pytest.mark.parametrize("vllm", [None, {"max_model_len": 4096}])
async def test_an_engine_of_our_own_charges_for_nothing_beside_tokens(
    monkeypatch, vllm
):
    monkeypatch.setenv("TEST_KEY", "k")
    call = await World(max_budget=20.0).call(**TIER)
    backend = "fake" if vllm is None else "vllm"
    known = call.directory.specs["small"].model_dump()
    spec = ModelSpec.model_validate({**known, "backend": backend, "vllm": vllm})
    monkeypatch.setitem(call.directory.specs, "small", spec)
    port = BackendPort(backend, ScriptedBackend())

    _, request = asking(call, call.chat, lambda *_: port, "small", 10.0)

    told = request.surcharges
    assert (told.service_tier, told.extras) == (
        (None, False) if vllm else ("priority", True)
    )
