"""A Gateway that follows a real Ledger, and decides by a real Router."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from artifacts.manifest import Manifest
from deployments.limits.ledger import Ledger
from deployments.protocol.routing import ArtifactRef, Explanation, RouteQuery, Routes
from deployments.routing.router import Router
from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.tenancy import TenantConfig
from serve_app.answering.call import BackendPort
from serve_app.gateway import Gateway
from serve_app.http.admin import Admin
from serve_app.http.admin_artifacts import ArtifactAdmin
from serve_app.http.admin_key import AdminKey
from serve_app.http.api import build_api
from tests.fakes import ScriptedBackend, app_config
from tests.topic_artifacts import TopicEmbedder, saved, topic_artifact, without_coder

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


@asynccontextmanager
async def artifact_graph(tmp_path: Path) -> AsyncIterator[Graph]:
    """It decides by `topic_artifact`; `b` is `without_coder`; the tenant is stored."""
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
