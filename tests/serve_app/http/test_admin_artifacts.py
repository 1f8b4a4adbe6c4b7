"""`/admin/v1/artifacts` and `…/rollout` over HTTP: real Ledger, real Router."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import orjson
import pytest

from artifacts.manifest import Manifest
from deployments.errors import RoutingUnavailable
from deployments.limits.ledger import Ledger
from deployments.protocol import ArtifactRef, Explanation, RouteQuery, Routes
from deployments.rollout import StoredArtifact
from deployments.routing.router import Router
from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.usage_store import UsageStore
from deployments.tenancy import TenantConfig
from serve_app.answering.call import BackendPort
from serve_app.gateway import Gateway
from serve_app.http.admin import Admin
from serve_app.http.admin_artifacts import ArtifactAdmin
from serve_app.http.admin_key import AdminKey
from serve_app.http.api import build_api
from tests.deployments.store.test_shadows import shadowed
from tests.fakes import ScriptedBackend, app_config
from tests.topic_artifacts import (
    TopicEmbedder,
    of_another_encoder,
    renamed_models,
    saved,
    topic_artifact,
    without_coder,
)

MODELS = [
    {"id": name, "backend": "fake", "upstream_model": name}
    for name in ("coder", "mathematician", "small")
]
CODE = {"messages": [{"role": "user", "content": "code"}]}


class Replica:
    """A Router that can start anew, with nothing loaded."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        self._router = Router(TopicEmbedder(), topic_artifact())

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        return await self._router.route(queries)

    async def explain(self, query: RouteQuery) -> Explanation:
        return await self._router.explain(query)

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        return await self._router.describe(ref, anew=anew)


class Graph:
    """A Gateway that follows a Ledger, and a client with the admin key."""

    def __init__(
        self, directory: Path, client: httpx.AsyncClient, router: Replica
    ) -> None:
        self.directory = directory
        self.client = client
        self.router = router
        self.gateway: Gateway
        self.ledger: Ledger
        self.database: Database

    async def ask(self, method: str, path: str, **body: object) -> httpx.Response:
        response = await self.client.request(
            method, f"/admin/v1{path}", json=body or None
        )
        snapshot = await self.ledger.snapshot(self.gateway.accounts_version)
        if snapshot is not None:
            self.gateway.take(snapshot)
        return response

    async def ok(self, method: str, path: str, **body: object) -> dict:
        response = await self.ask(method, path, **body)
        assert response.status_code == 200, response.text
        return response.json()

    async def route(self) -> dict:
        """What is decided for code at α = 1."""
        headers = {"authorization": "Bearer k"}
        response = await self.client.post("/v1/route", json=CODE, headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def decided_by(self) -> str:
        return (await self.route())["artifact"]


@pytest.fixture
async def graph(tmp_path, monkeypatch) -> AsyncIterator[Graph]:
    """It decides by `topic_artifact`; `b` is `without_coder`; the tenant is stored."""
    monkeypatch.setenv("TEST_KEY", "k")
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    await database.open()
    stated = {"id": "t", "alpha": 1, "keys": [{"env": "TEST_KEY"}]}
    await Accounts(database).put_tenant(TenantConfig.model_validate(stated))
    declared = saved(without_coder(), tmp_path / "declared")
    ledger = Ledger(database, artifacts={"declared": declared})
    await ledger.open()
    config = app_config(
        catalog={"models": MODELS}, default_model="small", cost_tiers={}, tenants=[]
    )
    port = BackendPort("fake", ScriptedBackend())
    router = Replica()
    gateway = Gateway(config, router, {"fake": port})
    artifacts = ArtifactAdmin(ledger, gateway)
    key = AdminKey("secret")
    admin = Admin(ledger, key, lambda: gateway.directory, artifacts, backends=["fake"])
    transport = httpx.ASGITransport(build_api(gateway, admin=admin))
    headers = {"authorization": "Bearer secret"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers
    ) as client:
        made = Graph(tmp_path, client, router)
        made.gateway, made.ledger, made.database = gateway, ledger, database
        location = saved(without_coder(), tmp_path / "b")
        await made.ok("PUT", "/artifacts/b", location=location)
        yield made
    await database.close()


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


async def test_activated_and_rolled_back(graph):
    before = await graph.decided_by()
    await graph.ok("POST", "/rollout/activate", artifact="b")
    active = await graph.route()
    state = await graph.ok("GET", "/rollout")
    await graph.ok("POST", "/rollout/rollback")

    assert before == await graph.decided_by() == topic_artifact().artifact_id
    assert (active["artifact"], active["model"]) == (
        without_coder().artifact_id,
        "small",
    )
    assert (state["active"], state["previous"], state["can_roll_back"]) == (
        "b",
        None,
        True,
    )


async def test_a_tenant_is_pinned_and_let_go(graph):
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact="b")
    pinned = await graph.decided_by()
    state = await graph.ok("GET", "/tenants/t/rollout")
    users = (await graph.ok("GET", "/artifacts/b"))["used_by"]
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact=None)

    assert pinned == without_coder().artifact_id
    assert (state["active"], state["pinned"]) == ("b", True)
    assert users == ["tenant t"]
    assert await graph.decided_by() == topic_artifact().artifact_id


async def test_a_canary_decides_until_it_is_taken_back(graph):
    await graph.ok("PUT", "/rollout/canary", artifact="b", percent=100)
    canary = await graph.decided_by()
    await graph.ok("DELETE", "/rollout/canary")

    assert (canary, await graph.decided_by()) == (
        without_coder().artifact_id,
        topic_artifact().artifact_id,
    )


async def test_a_shadow_is_shown_beside_the_decision_and_summed_up(graph):
    await graph.ok("PUT", "/tenants/t/rollout/shadow", artifact="b", percent=100)
    report = await graph.route()
    records = [
        shadowed("use-1", shadow_artifact_id=without_coder().artifact_id),
        shadowed("use-2", agrees=False, shadow_artifact_id=without_coder().artifact_id),
    ]
    await UsageStore(graph.database).ingest(records)
    path = "/artifacts/b/shadow?start=2026-05-01&end=2026-07-01"
    [row] = (await graph.ok("GET", path))["data"]

    assert (report["artifact"], report["model"]) == (
        topic_artifact().artifact_id,
        "coder",
    )
    assert report["shadow"]["artifact_id"] == without_coder().artifact_id
    assert (report["shadow"]["model"], report["shadow"]["agrees"]) == ("small", False)
    assert (row["requests"], row["agreement"], row["comparable"]) == (2, 0.5, 2)
    assert (row["cost_usd"], row["shadow_cost_usd"]) == (0.5, 1.0)
    assert (row["difference_usd"], row["estimate"]) == (0.5, True)


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


async def test_what_cannot_be_loaded_any_more_is_not_activated(graph):
    lost = saved(without_coder(), graph.directory / "lost")
    await graph.ok("PUT", "/artifacts/lost", location=lost)
    saved(topic_artifact(), lost)  # another one in its place
    graph.router.start_anew()
    response = await graph.ask("POST", "/rollout/activate", artifact="lost")
    entry = await graph.ok("GET", "/artifacts/lost")

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "artifact")
    assert error["code"] == "artifact_unusable"
    assert "it holds" in entry["error"]
    assert await graph.decided_by() == topic_artifact().artifact_id


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


async def test_a_rollback_to_what_cannot_be_loaded_is_refused(graph):
    """Else the artifact that it was to take back would go on deciding."""
    other = saved(without_coder(), graph.directory / "other")
    await graph.ok("PUT", "/artifacts/other", location=other)
    await graph.ok("POST", "/rollout/activate", artifact="other")
    await graph.ok("POST", "/rollout/activate", artifact="b")
    saved(topic_artifact(), other)
    graph.router.start_anew()
    response = await graph.ask("POST", "/rollout/rollback")
    state = await graph.ok("GET", "/rollout")

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "artifact_unusable")
    assert "'other' cannot be used" in error["message"]
    assert (state["active"], state["previous"]) == ("b", "other")


async def test_a_rollback_does_not_wait_for_a_router_that_is_away(graph, monkeypatch):
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact="b")
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact="declared")

    async def away(*_: object, **__: object) -> Manifest:
        raise RoutingUnavailable("The router died while it answered.")

    monkeypatch.setattr(graph.router, "describe", away)
    refused = await graph.ask("POST", "/tenants/t/rollout/activate", artifact="b")
    await graph.ok("POST", "/tenants/t/rollout/rollback")

    assert refused.status_code == 503
    assert graph.gateway.directory.tenants["t"].artifact == "b"


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("POST /rollout/activate", {}),
        ("PUT /rollout/canary", {"percent": 5}),
        ("PUT /rollout/shadow", {"percent": 5}),
        ("POST /tenants/t/rollout/activate", {}),
    ],
)
async def test_what_knows_no_model_that_could_answer_is_refused(graph, asked, body):
    """Every decision would fall to the default model."""
    whole = topic_artifact()
    renamed = saved(renamed_models(whole, "vendor/"), graph.directory / "renamed")
    await graph.ok("PUT", "/artifacts/renamed", location=renamed)
    method, path = asked.split()
    response = await graph.ask(method, path, artifact="renamed", **body)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "artifact")
    assert "none of the models" in error["message"]
    assert await graph.decided_by() == whole.artifact_id


async def test_a_tenant_is_not_given_what_knows_none_of_its_models(graph):
    stated = {"alpha": 1, "keys": [{"env": "TEST_KEY"}], "models": ["coder"]}
    await graph.ok("PUT", "/tenants/t", **stated)
    response = await graph.ask(
        "PUT", "/tenants/t/rollout/canary", artifact="b", percent=1
    )
    await graph.ok("PUT", "/rollout/canary", artifact="b", percent=1)

    assert response.status_code == 400
    assert "none of the models" in response.json()["error"]["message"]


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
