"""Artifacts are activated, tried and rolled back on the real graph, under traffic.

Two Gateways and two Routers: no Router is told of an artifact, each learns of it from
the queries that name it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from artifacts.artifact import RoutingArtifact
from artifacts.encoder import Encoder, load_encoder
from artifacts.extend import remove_models
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import ENCODER, load, save
from deployments.api_key import key_sha256
from scripts.bench.limits_graph import LimitsGraph
from scripts.served import served
from serve_app.commands.serve import LOCAL_CONFIG

pytestmark = pytest.mark.integration

ADMIN = {"authorization": "Bearer admin-secret"}
KEYS = {"one": "sk-av-one", "two": "sk-av-two"}
ALPHA = 0.7
TEXTS = (
    "Natalia sold clips to 48 friends in April and half as many in May. How many?",
    "Find the number of ordered pairs (a, b) with a^2 + b^2 = 2025.",
    "def f(s): return s[::-1].upper()\nassert f('abc') == ??",
    "What is the remainder when 7^100 is divided by 13?",
)
SESSIONS = [f"session-{number}" for number in range(24)]
WORKERS = 4
PATIENCE_S = 60.0
# Each session some eight times. Of 40 requests few sessions have two: while one of the
# Gateways does not know of a canary yet, its sessions stick by chance in every fortieth
# window.
MANY = 200


@dataclass
class Answer:
    """What a client saw of one answer."""

    status: int
    tenant: str
    text: str
    session: str
    headers: httpx.Headers

    @property
    def artifact(self) -> str:
        """The head of its id."""
        return self.headers.get("x-routing-artifact", "")


@dataclass
class Graph:
    """The running graph, what is known of its artifacts, and what clients saw."""

    url: str
    directory: Path
    limits: LimitsGraph
    artifacts: dict[str, RoutingArtifact]
    encoder: Encoder
    answers: list[Answer] = field(default_factory=list)

    def id_of(self, name: str) -> str:
        return self.artifacts[name].artifact_id[:12]

    def chosen(self, artifact_id: str, text: str) -> str:
        """What the artifact itself chooses."""
        by_id = {
            artifact.artifact_id[:12]: artifact for artifact in self.artifacts.values()
        }
        vector = self.encoder.encode([text])[0]
        return by_id[artifact_id].choose(vector, ALPHA).model

    def pids(self) -> dict[str, list[int]]:
        return {
            name: sorted(process.pid for process in self.limits.served.replicas(name))
            for name in ("Gateway", "Router", "Embedder", "Ledger", "SimulatorBackend")
        }


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    directory = tmp_path_factory.mktemp("artifacts")
    bundled = artifact_directory(BUNDLED_ARTIFACT)
    default = load(bundled)
    encoder = load_encoder(default.manifest.encoder, bundled / ENCODER)
    made = {"default": default}
    # Each lacks what the ones before it choose: they all decide differently.
    for name in ("next", "third"):
        before = list(made.values())[-1]
        vectors = encoder.encode(TEXTS)
        best = {before.choose(vector, ALPHA).model for vector in vectors}
        made[name] = remove_models(before, sorted(best))
        save(made[name], directory / name)
    config = directory / "serve.yaml"
    config.write_text(yaml.safe_dump(_config(directory)), encoding="utf-8")
    environment = {"AVENGERS_ADMIN_KEY": "admin-secret"}
    with served("--config", str(config), environment=environment) as running:
        limits = LimitsGraph(running, directory / "store.db")
        for name in ("Gateway", "Router"):
            limits.wait_for_replicas(name, 2)
        yield Graph(running.url, directory, limits, made, encoder)


def _config(directory: Path) -> Any:
    config = yaml.safe_load(LOCAL_CONFIG.read_text(encoding="utf-8"))
    application = config["applications"][0]
    args = application["args"]
    args |= {
        "database": {"url": f"sqlite:///{directory / 'store.db'}"},
        "usage": {"journal": str(directory / "journal")},
        "auth": {"admin_key_env": "AVENGERS_ADMIN_KEY"},
        "limits": {"route_timeout_s": 20},  # the machine may be slow
        "artifacts": {"third": str(directory / "third")},
        "tenants": [],
    }
    args["backends"]["simulator"] |= {"first_token_s": 0.01, "tokens_per_s": 5000}
    for deployment in application["deployments"]:
        if deployment["name"] in {"Gateway", "Router"}:
            deployment["num_replicas"] = 2
    return config


async def admin(graph: Graph, method: str, path: str, **body: Any) -> Any:
    async with httpx.AsyncClient(base_url=graph.url, headers=ADMIN, timeout=60) as c:
        response = await c.request(method, f"/admin/v1{path}", json=body or None)
    assert response.status_code == 200, response.text
    return response.json()


async def ask(
    graph: Graph, client: httpx.AsyncClient, tenant: str, text: str, session: str
) -> Answer:
    response = await client.post(
        "/v1/chat/completions",
        headers={"authorization": f"Bearer {KEYS[tenant]}"},
        json={
            "model": "auto",
            "max_tokens": 2,
            "messages": [{"role": "user", "content": text}],
            "routing": {"session_id": session},
        },
    )
    answer = Answer(response.status_code, tenant, text, session, response.headers)
    graph.answers.append(answer)
    return answer


@asynccontextmanager
async def traffic(graph: Graph) -> AsyncIterator[httpx.AsyncClient]:
    """Both tenants ask all the time, one request after the other in each worker."""
    over = asyncio.Event()
    async with httpx.AsyncClient(base_url=graph.url, timeout=60) as client:

        async def work(number: int) -> None:
            while not over.is_set():
                tenant = "one" if number % 2 else "two"
                place = len(graph.answers)
                text, session = TEXTS[place % 4], SESSIONS[place % len(SESSIONS)]
                await ask(graph, client, tenant, text, session)

        async with asyncio.TaskGroup() as workers:
            for number in range(WORKERS):
                workers.create_task(work(number))
            try:
                yield client
            finally:
                over.set()


async def window(graph: Graph, tenant: str, n: int = 40) -> list[Answer]:
    """What a tenant's next `n` requests see."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    start = len(graph.answers)
    while True:
        seen = [answer for answer in graph.answers[start:] if answer.tenant == tenant]
        if len(seen) >= n:
            return seen
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.05)


async def settled(graph: Graph, tenant: str, expected: set[str], n: int = 40) -> None:
    """Until these artifacts decide for a tenant, each session by one of them: all
    Gateways know, and all Routers have loaded them."""

    async def holds() -> bool:
        seen = await window(graph, tenant, n)
        return {answer.artifact for answer in seen} == expected and sticks(seen)

    await eventually(holds)


def sticks(seen: list[Answer]) -> bool:
    sides = {(answer.session, answer.artifact) for answer in seen}
    return len(sides) == len({answer.session for answer in seen})


async def test_artifacts_change_under_traffic_and_no_request_notices(graph):
    for tenant, key in KEYS.items():
        keys = [{"sha256": key_sha256(key)}]
        await admin(graph, "PUT", f"/tenants/{tenant}", alpha=ALPHA, keys=keys)
    await until_known(graph)
    before = graph.pids()
    default, following, third = (graph.id_of(n) for n in ("default", "next", "third"))
    graph.answers.clear()

    async with traffic(graph):
        await settled(graph, "one", {default})
        location = str(graph.directory / "next")
        await admin(graph, "PUT", "/artifacts/next", location=location)
        await admin(graph, "POST", "/rollout/activate", artifact="next")
        await settled(graph, "one", {following})

        await admin(graph, "POST", "/tenants/two/rollout/activate", artifact="third")
        await settled(graph, "two", {third})
        await settled(graph, "one", {following})

        await admin(graph, "POST", "/rollout/rollback")
        await settled(graph, "one", {default})
        await admin(graph, "PUT", "/rollout/canary", artifact="next", percent=40)
        await settled(graph, "one", {default, following}, MANY)
        canary = await window(graph, "one", MANY)
        await settled(graph, "two", {third})
        await admin(graph, "DELETE", "/rollout/canary")
        await admin(graph, "POST", "/tenants/two/rollout/rollback")
        await settled(graph, "one", {default})
        await settled(graph, "two", {default})

    assert graph.pids() == before
    assert [a for a in graph.answers if a.status != 200] == []
    assert {a.headers["x-routing"] for a in graph.answers} == {"routed"}
    for answer in graph.answers:
        chosen = graph.chosen(answer.artifact, answer.text)
        assert answer.headers["x-routed-model"] == chosen
    assert {answer.artifact for answer in canary} == {default, following}
    assert sticks(canary)


async def until_known(graph: Graph) -> None:
    """Until each Gateway has learnt of the tenants."""
    async with httpx.AsyncClient(base_url=graph.url, timeout=60) as client:
        for _ in range(200):
            answers = [
                await ask(graph, client, tenant, TEXTS[0], "s")
                for tenant in ("one", "two") * 5
            ]
            if {answer.status for answer in answers} == {200}:
                return
            await asyncio.sleep(0.1)
    pytest.fail("the tenants are not known")


async def test_a_shadow_is_recorded_with_each_request_and_answers_none(graph):
    await admin(graph, "PUT", "/rollout/shadow", artifact="third", percent=100)
    third = graph.id_of("third")
    async with httpx.AsyncClient(base_url=graph.url, timeout=60) as client:
        await eventually(lambda: shadowed_everywhere(client, third))
        report = await admin(graph, "GET", "/artifacts/third/shadow")
        answers = [
            await ask(graph, client, "one", text, session)
            for text in TEXTS
            for session in SESSIONS[:5]
        ]
        await admin(graph, "DELETE", "/rollout/shadow")

    async def recorded() -> bool:
        found = await admin(graph, "GET", "/artifacts/third/shadow")
        return counted(found) == counted(report) + len(answers)

    await eventually(recorded)
    [row] = (await admin(graph, "GET", "/artifacts/third/shadow"))["data"]
    assert {answer.artifact for answer in answers} == {graph.id_of("default")}
    # `third` knows none of the models that `default` chooses.
    assert (row["agreements"], row["comparable"]) == (0, row["requests"])
    assert row["difference_usd"] == pytest.approx(
        row["shadow_cost_usd"] - row["cost_usd"]
    )


def counted(report: Any) -> int:
    return sum(row["requests"] for row in report["data"])


async def shadowed_everywhere(client: httpx.AsyncClient, artifact: str) -> bool:
    """Whether ten decisions in a row have a shadow."""
    body = {"messages": [{"role": "user", "content": TEXTS[0]}]}
    headers = {"authorization": f"Bearer {KEYS['one']}"}
    for _ in range(10):
        response = await client.post("/v1/route", json=body, headers=headers)
        shadow = response.json()["shadow"]
        if shadow is None or shadow["artifact_id"][:12] != artifact:
            return False
    return True


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_S
    while not await holds():
        assert loop.time() < until
        await asyncio.sleep(0.2)
