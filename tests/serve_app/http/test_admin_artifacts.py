"""`/admin/v1/artifacts` over HTTP: real Ledger, real Router."""

import asyncio

import orjson
import pytest

from artifacts.manifest import Manifest
from deployments.protocol.routing import ArtifactRef
from deployments.rollout import StoredArtifact
from serve_app.http.admin_artifacts import ArtifactAdmin
from tests.topic_artifacts import (
    of_another_encoder,
    saved,
    topic_artifact,
    without_coder,
)


async def test_what_is_registered_is_listed_with_what_it_says_of_itself(graph):
    listed = (await graph.ok("GET", "/artifacts"))["data"]
    found = {entry["name"]: entry for entry in listed}

    assert list(found) == ["default", "b", "declared"]
    assert found["default"]["artifact_id"] == topic_artifact().artifact_id
    assert found["default"]["used_by"] == ["the gateway"]
    assert found["b"]["models"] == ["mathematician", "small"]
    assert (found["b"]["n_clusters"], found["b"]["used_by"]) == (2, [])
    assert found["b"]["created"].startswith(f"{without_coder().manifest.created.year}-")
    assert (found["b"]["declared"], found["declared"]["declared"]) == (False, True)
    assert found["declared"]["artifact_id"] == found["b"]["artifact_id"]


async def test_what_is_registered_again_is_what_lies_there_by_now(graph):
    place = graph.directory / "b"
    saved(topic_artifact(), place)
    [change] = (await graph.ok("PUT", "/artifacts/b", location=str(place)))["data"]
    await graph.ok("DELETE", "/artifacts/b")
    saved(without_coder(), place)
    await graph.ok("PUT", "/artifacts/b", location=str(place))
    graph.router.start_anew()
    await graph.ok("POST", "/rollout/activate", artifact="b")

    assert change["fields"]["artifact_id"] == {
        "before": without_coder().artifact_id,
        "after": topic_artifact().artifact_id,
    }
    assert await graph.decided_by() == without_coder().artifact_id


@pytest.mark.parametrize(
    ("asked", "body", "status", "param"),
    [
        ("PUT /artifacts/x", {"location": "relative/path"}, 400, "location"),
        ("PUT /artifacts/x", {"location": "/nowhere"}, 400, "location"),
        ("PUT /artifacts/x", {"location": "/no\0where"}, 400, "location"),
        ("PUT /artifacts/x", {"location": "s3://[bucket"}, 400, "location"),
        ("PUT /artifacts/x", {"location": "file:///[x"}, 400, "location"),
        ("PUT /artifacts/x", {"location": "{other}"}, 400, "location"),
        ("PUT /artifacts/x", {}, 400, "location"),
        ("PUT /artifacts/x", {"location": "{b}", "more": 1}, 400, "more"),
        ("PUT /artifacts/x%20y", {"location": "{b}"}, 400, "name"),
        ("PUT /artifacts/default", {"location": "{b}"}, 400, "name"),
        ("PUT /artifacts/declared", {"location": "{b}"}, 400, "name"),
        ("DELETE /artifacts/declared", {}, 400, "name"),
        ("DELETE /artifacts/x", {}, 404, None),
        ("GET /artifacts/x", {}, 404, None),
        ("GET /artifacts/x/shadow", {}, 404, None),
        ("GET /artifacts/b/shadow?start=never", {}, 400, "start"),
        ("GET /artifacts/b/shadow?start=2026-02-01&end=2026-01-01", {}, 400, "end"),
        ("GET /artifacts/b/shadow?tenant=a%00", {}, 400, "tenant"),
        ("GET /artifacts/b/shadow?tenants=t", {}, 400, "tenants"),
        ("POST /rollout/activate", {"artifact": "x"}, 400, "artifact"),
        ("POST /rollout/activate", {}, 400, "artifact"),
        ("POST /rollout/rollback", {}, 400, None),
        ("PUT /rollout/canary", {"artifact": "x", "percent": 5}, 400, "artifact"),
        ("PUT /rollout/canary", {"artifact": "b", "percent": 0}, 400, "percent"),
        ("PUT /rollout/canary", {"artifact": "b", "percent": 100.5}, 400, "percent"),
        ("PUT /rollout/shadow", {"artifact": "b"}, 400, "percent"),
        ("PUT /rollout/shadow", {"artifact": "default", "percent": 5}, 400, "artifact"),
        ("PUT /tenants/x/rollout/shadow", {"artifact": "b", "percent": 5}, 404, None),
        ("GET /tenants/x/rollout", {}, 404, None),
        ("GET /tenants/*/rollout", {}, 404, None),
        ("POST /tenants/*/rollout/activate", {"artifact": "b"}, 404, None),
        ("PUT /tenants/t", {"alpha": 1, "artifact": "x"}, 400, "artifact"),
    ],
)
async def test_bad_requests_name_the_field_and_change_nothing(
    graph, asked, body, status, param
):
    method, path = asked.split()
    places = {"{b}": str(graph.directory / "b")}
    places["{other}"] = saved(of_another_encoder(), graph.directory / "other")
    body = {name: places.get(str(value), value) for name, value in body.items()}
    version = graph.gateway.accounts_version
    response = await graph.ask(method, path, **body)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (status, param), error
    assert graph.gateway.accounts_version == version


async def test_what_is_in_use_is_not_removed(graph):
    await graph.ok("PUT", "/rollout/canary", artifact="b", percent=1)
    refused = await graph.ask("DELETE", "/artifacts/b")
    await graph.ok("DELETE", "/rollout/canary")
    await graph.ok("DELETE", "/artifacts/b")

    assert refused.status_code == 400
    assert "in use by the canary of the gateway" in refused.text
    assert (graph.directory / "b/manifest.json").exists()


async def test_a_password_in_an_address_is_not_shown(graph):
    address = "memory://u:hunter2@host/a?token=hunter3"
    secret = StoredArtifact(name="s", location=address)
    await graph.ledger.put_artifact(secret)
    listed = await graph.ask("GET", "/artifacts")
    deleted = await graph.ask("DELETE", "/artifacts/s")

    for response in (listed, deleted):
        assert response.status_code == 200
        assert "memory://host/a" in response.text
        assert "hunter" not in response.text


async def test_one_that_hangs_does_not_hide_the_others(graph):
    describe = graph.router.describe

    async def hangs(ref: ArtifactRef, **options: bool) -> Manifest:
        if ref.name == "declared":
            await asyncio.Event().wait()
        return await describe(ref, **options)

    graph.router.describe = hangs
    admin = ArtifactAdmin(graph.ledger, graph.gateway, waits_s=0.5)
    listed = orjson.loads((await admin.artifacts()).body)["data"]
    found = {entry["name"]: entry for entry in listed}

    assert found["b"]["models"] == ["mathematician", "small"]
    assert "not read yet" in found["declared"]["error"]
