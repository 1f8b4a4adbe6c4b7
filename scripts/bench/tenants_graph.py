"""How soon a change of one of many tenants is known to all of several real replicas."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil

from deployments.store.accounts import Accounts
from deployments.store.database import Database
from scripts.bench.made_tenants import TIERS, made_tenants, secret
from scripts.bench.tenants_reached import Reached
from scripts.served import ADMIN_KEY, Served, local_config, served_as

_EVERY_S = 0.02
_PATIENCE_S = 60.0
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Replicas:
    """A running graph, and the replicas of its Gateway, each asked by itself."""

    graph: Served
    processes: list[psutil.Process]
    urls: list[str]

    def memory_mib(self) -> list[float]:
        """Of each."""
        return [each.memory_full_info().pss / 2**20 for each in self.processes]


@contextmanager
def gateway_replicas(number: int, database: Path) -> Iterator[Replicas]:
    """The local configuration with so many of them."""
    config = local_config()
    application = config["applications"][0]
    application["args"]["database"] = {"url": f"sqlite:///{database}"}
    for deployment in application["deployments"]:
        if deployment["name"] == "Gateway":
            deployment["num_replicas"] = number
    with served_as(config, database.parent) as graph:
        until = time.monotonic() + _PATIENCE_S
        while len(found := dict(_replicas(graph))) < number:
            if time.monotonic() > until:
                raise SystemExit(f"there are not {number} Gateway replicas")
            time.sleep(0.5)
        yield Replicas(graph, list(found), list(found.values()))


def _replicas(graph: Served) -> Iterator[tuple[psutil.Process, str]]:
    """Their processes and addresses: of what each listens on, what answers HTTP."""
    for process in graph.replicas("Gateway"):
        try:
            listening = [
                each.laddr.port
                for each in process.net_connections("tcp")
                if each.status == psutil.CONN_LISTEN
            ]
        except psutil.Error:
            continue
        for port in listening:
            url = f"http://127.0.0.1:{port}"
            try:
                if httpx.get(f"{url}/healthz", timeout=2).text == "ok":
                    yield process, url
                    break
            except httpx.HTTPError:
                continue


def time_changes(*, tenants: int, keys: int, replicas: int, changes: int) -> Reached:
    """All tenants are made while the graph runs; then keys of some are changed."""
    with TemporaryDirectory() as name:
        database = Path(name) / "tenants.db"
        with gateway_replicas(replicas, database) as found:
            reached = Reached(len(found.urls), memory_before_mib=found.memory_mib())
            asyncio.run(_time(found, database, reached, (tenants, keys, changes)))
            reached.memory_after_mib = found.memory_mib()
    return reached


async def _time(
    found: Replicas, database: Path, reached: Reached, sizes: tuple[int, int, int]
) -> None:
    tenants, keys, changes = sizes
    async with httpx.AsyncClient(timeout=60, verify=_TLS) as client:
        await _apply(database, tenants, keys)
        start = time.monotonic()
        await _known(client, found.urls, secret(tenants - 1, keys - 1), 200)
        reached.all_tenants_s = time.monotonic() - start
        done = asyncio.Event()
        asking = asyncio.create_task(_ask(client, found, reached, done))
        root = f"{found.graph.url}/admin/v1/tenants"
        try:
            for number in range(changes):
                tenant = f"tenant-{number * tenants // changes:06d}"
                await _change(client, found, f"{root}/{tenant}", reached)
        finally:
            done.set()
            await asking  # also a request that hangs, until it has failed


async def _change(
    client: httpx.AsyncClient, found: Replicas, tenant: str, reached: Reached
) -> None:
    issued = await _post(client, f"{tenant}/keys")
    reached.issued_s.append(await _known(client, found.urls, issued["key"], 200))
    await _post(client, f"{found.graph.url}/admin/v1/keys/{issued['id']}/revoke")
    reached.revoked_s.append(await _known(client, found.urls, issued["key"], 401))


async def _apply(path: Path, tenants: int, keys: int) -> None:
    database = Database(f"sqlite:///{path}", busy_timeout_s=30)
    await database.open()
    await Accounts(database).apply(made_tenants(tenants, keys), TIERS)
    await database.close()


async def _post(client: httpx.AsyncClient, url: str) -> dict[str, str]:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    response = await client.post(url, json={}, headers=headers)
    response.raise_for_status()
    found: dict[str, str] = response.json()
    return found


async def _known(
    client: httpx.AsyncClient, urls: list[str], key: str, status: int
) -> float:
    """Seconds until the last of the replicas says so."""
    start = time.monotonic()

    async def one(url: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        while True:
            response = await client.get(f"{url}/v1/models", headers=headers)
            if response.status_code == status:
                return
            if time.monotonic() - start > _PATIENCE_S:
                raise SystemExit(f"{url} does not know after {_PATIENCE_S:g} s")
            await asyncio.sleep(_EVERY_S)

    await asyncio.gather(*map(one, urls))
    return time.monotonic() - start


async def _ask(
    client: httpx.AsyncClient, found: Replicas, reached: Reached, done: asyncio.Event
) -> None:
    """Again and again, as any client, with a key that nobody changes."""
    headers = {"authorization": f"Bearer {secret(0, 0)}"}
    while not done.is_set():
        start = time.monotonic()
        reached.asked += 1
        try:
            url = f"{found.graph.url}/v1/models"
            response = await client.get(url, headers=headers)
            reached.failed += response.status_code != httpx.codes.OK
        except httpx.HTTPError:
            reached.failed += 1
        reached.slowest_s = max(reached.slowest_s, time.monotonic() - start)
        await asyncio.sleep(_EVERY_S)
