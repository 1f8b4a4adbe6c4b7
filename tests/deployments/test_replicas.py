"""What Ray runs, without Ray: a Router that is given another artifact."""

import asyncio
import shutil
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from artifacts.encoder_spec import SPEC_FILE
from artifacts.errors import ArtifactError, BadInput
from artifacts.location import save_at
from artifacts.onnx_encoder import OnnxEncoder
from artifacts.store import ENCODER, load
from deployments.errors import RoutingUnavailable
from deployments.protocol.routing import RouteQuery
from deployments.routing.cached_embedder import RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from tests.artifacts.hand_made import altered, bundled

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from deployments.replicas import EmbedderReplica, RouterReplica


def router_on(embed: Callable[..., Awaitable[np.ndarray]]) -> RouterReplica:
    handle = SimpleNamespace(embed=SimpleNamespace(remote=embed))
    handle.options = lambda **_: handle
    return RouterReplica(handle, str(bundled()), RouterConfig())


@pytest.fixture
def replica() -> RouterReplica:
    async def embed(texts: list[str], *_: object) -> np.ndarray:
        return np.repeat(load(bundled()).centroids[:1], len(texts), axis=0)

    return router_on(embed)


async def decided_by(replica: RouterReplica) -> str:
    routes = await replica.route([RouteQuery(text="hi", alpha=0.5)])
    return routes.decisions[0].artifact_id


async def test_a_router_takes_an_artifact_from_an_address(
    replica, tmp_path, monkeypatch
):
    monkeypatch.setenv("AVENGERS_CACHE", str(tmp_path))
    other = altered(load(bundled()))
    save_at(other, "memory://replicas/a")

    await replica.reconfigure({"artifact": "memory://replicas/a"})

    assert await decided_by(replica) == other.artifact_id


async def test_a_router_leaves_an_artifact_s_encoder_where_it_is(
    replica, tmp_path, monkeypatch
):
    """It may be gigabytes of weights, which only Embedders run."""
    monkeypatch.setenv("AVENGERS_CACHE", str(tmp_path))
    other = altered(load(bundled()))
    encoder = bundled() / ENCODER
    save_at(other, "memory://replicas/whole", encoder_directory=encoder)

    await replica.reconfigure({"artifact": "memory://replicas/whole"})

    assert await decided_by(replica) == other.artifact_id
    assert not (tmp_path / "encoders").exists()


async def test_a_router_keeps_its_artifact_where_the_other_cannot_be_read(replica):
    with pytest.raises(ArtifactError, match="No such file"):
        await replica.reconfigure({"artifact": "memory://replicas/none"})

    assert await decided_by(replica) == load(bundled()).artifact_id


async def test_a_router_goes_back_to_the_configured_artifact_where_none_is_stated(
    replica, tmp_path
):
    other = altered(load(bundled()))
    save_at(other, str(tmp_path / "other"))
    await replica.reconfigure({"artifact": str(tmp_path / "other")})
    assert await decided_by(replica) == other.artifact_id

    await replica.reconfigure({})

    assert await decided_by(replica) == load(bundled()).artifact_id


async def test_a_router_refuses_a_setting_that_it_has_not(replica):
    with pytest.raises(BadInput, match="user_config: there is no field 'artefact'"):
        await replica.reconfigure({"artefact": "memory://replicas/a"})


def with_another_prompt(directory: Path) -> str:
    """The bundled artifact, its encoder reading another text: as many values."""
    files = directory / "files"
    shutil.copytree(bundled() / ENCODER, files)
    artifact = load(bundled())
    spec = artifact.manifest.encoder.model_copy(update={"prompt": "query: "})
    (files / SPEC_FILE).write_text(spec.model_dump_json())
    manifest = artifact.manifest.model_copy(update={"encoder": spec})
    other = replace(artifact, manifest=manifest)
    save_at(other, str(directory / "other"), encoder_directory=files)
    return str(directory / "other")


async def test_vectors_of_another_encoder_are_neither_used_nor_kept(tmp_path):
    """A Router meets such Embedders while Serve replaces them one after the other."""
    config = EmbedderConfig()
    embedders = [
        EmbedderReplica(artifact, config)
        for artifact in (with_another_prompt(tmp_path), str(bundled()))
    ]
    seen: list[np.ndarray] = []

    async def embed(*asked: Any) -> np.ndarray:
        seen.append(await embedders[0].embed(*asked))
        return seen[-1]

    router = router_on(embed)
    with pytest.raises(RoutingUnavailable, match="another encoder"):
        await decided_by(router)
    del embedders[0]

    assert await decided_by(router) == load(bundled()).artifact_id
    assert len(seen) == 1


async def test_an_embedder_records_for_serve_what_it_encoded_not_what_it_kept():
    embedder = EmbedderReplica(str(bundled()), EmbedderConfig())
    told = []
    for _ in range(2):
        await embedder.embed(["What is 6 × 7?"])
        await asyncio.sleep(0.6)
        told.append(await embedder.record_autoscaling_stats())

    assert told[0]["tokens_per_s"] > 0
    assert told[1] == {"queued_tokens": 0, "tokens_per_s": 0}


async def test_an_embedder_whose_encoder_fails_at_everything_is_unhealthy(monkeypatch):
    """Serve would else keep it, and send it the more the sooner it fails."""
    replica = EmbedderReplica(str(bundled()), EmbedderConfig())
    await replica.check_health()

    def fails(*_: object) -> np.ndarray:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(OnnxEncoder, "encode_ids", fails)
    with pytest.raises(RuntimeError, match="CUDA error"):
        await replica.embed(["What is 6 × 7?"])

    with pytest.raises(RuntimeError, match="CUDA error"):
        await replica.check_health()
