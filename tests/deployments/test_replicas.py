"""What Ray runs, without Ray: a Router that is given another artifact."""

import asyncio
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from artifacts.errors import ArtifactError
from artifacts.location import save_at
from artifacts.store import load
from deployments.protocol import RouteQuery
from deployments.routing.cached_embedder import RouterConfig
from deployments.routing.embedder_config import EmbedderConfig
from tests.artifacts.hand_made import altered, bundled

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from deployments.replicas import EmbedderReplica, RouterReplica


@pytest.fixture
def replica() -> RouterReplica:
    async def remote(texts: list[str], traces: tuple[str, ...]) -> np.ndarray:
        return np.repeat(load(bundled()).centroids[:1], len(texts), axis=0)

    handle = SimpleNamespace(embed=SimpleNamespace(remote=remote))
    handle.options = lambda **_: handle
    return RouterReplica(handle, str(bundled()), RouterConfig())


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


async def test_a_router_keeps_its_artifact_where_the_other_cannot_be_read(replica):
    with pytest.raises(ArtifactError, match="No such file"):
        await replica.reconfigure({"artifact": "memory://replicas/none"})

    assert await decided_by(replica) == load(bundled()).artifact_id


async def test_an_embedder_records_for_serve_what_it_encoded_not_what_it_kept():
    embedder = EmbedderReplica(str(bundled()), EmbedderConfig())
    told = []
    for _ in range(2):
        await embedder.embed(["What is 6 × 7?"])
        await asyncio.sleep(0.6)
        told.append(await embedder.record_autoscaling_stats())

    assert told[0]["tokens_per_s"] > 0
    assert told[1] == {"queued_tokens": 0, "tokens_per_s": 0}
