"""What is measured: each target can be started, and says how it is asked."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.overhead.merging import merged
from scripts.overhead.populations import DATABASE, store_tenants
from scripts.overhead.wire import Load
from scripts.processes import free_port
from scripts.running import NotStarted, python, running
from scripts.served import KEY, ROOT, Served, local_config, served_as


@dataclass(frozen=True)
class Target:
    """A running gateway: how to ask it, and the process at the root of its tree."""

    port: int
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "openai/gpt-4o-mini"
    must_say: str | None = None
    pid: int | None = None
    tenants: int = 0

    def load(self, seconds: float, **terms: Any) -> Load:
        """A load for it."""
        load = Load(
            self.port, self.path, dict(self.headers), self.model, seconds, **terms
        )
        return replace(load, must_say=self.must_say, tenants=self.tenants)


# Starts a target in front of the origin at a port.
Start = Callable[[int], AbstractContextManager[Target]]


@contextmanager
def origin() -> Iterator[int]:
    """The upstream's port."""
    port = free_port()
    command = python("scripts.overhead.origin", "--port", str(port))
    with running(command, ready_url=f"http://127.0.0.1:{port}/settings"):
        yield port


@contextmanager
def direct(origin_port: int) -> Iterator[Target]:
    """No gateway at all."""
    yield Target(origin_port, "/api/v1/chat/completions")


@contextmanager
def bare(origin_port: int) -> Iterator[Target]:
    """The pass-through of scripts/overhead/proxy.py."""
    port = free_port()
    upstream = f"http://127.0.0.1:{origin_port}/api/v1/chat/completions"
    command = python(
        "scripts.overhead.proxy",
        *("--port", str(port), "--upstream", upstream, "--key", KEY),
    )
    with running(command, ready_url=f"http://127.0.0.1:{port}/healthz") as pid:
        yield Target(port, headers={"authorization": f"Bearer {KEY}"}, pid=pid)


def changed(**parts: Any) -> dict[str, Any]:
    """A change of our application's `args` or `deployments`."""
    return {"applications": {"avengers": parts}}


def gateway(
    change: Mapping[str, Any] | None = None,
    *,
    tenants: int = 0,
    limited: bool = False,
    root: Path = ROOT,
) -> Start:
    """Ours, as serve_app/local.yaml has it but for the upstream's address; `change` is
    merged into that file. `tenants`: with so many in its database, which take turns;
    `limited`: each has all limits and a budget. `root`: of which checkout.
    """

    @contextmanager
    def start(origin_port: int) -> Iterator[Target]:
        upstream = {"base_url": f"http://127.0.0.1:{origin_port}/api/v1/"}
        backends = {"without_key": "refuse", "openrouter": upstream}
        config = merged(local_config(root), changed(args={"backends": backends}))
        with TemporaryDirectory() as name, ExitStack() as stack:
            directory = Path(name)
            if tenants:
                path = directory / DATABASE
                asyncio.run(store_tenants(path, tenants, limited=limited))
            config = merged(config, dict(change or {}))
            yield _ours(_served(stack, config, directory, root), tenants)

    return start


def _served(stack: ExitStack, config: Any, directory: Path, root: Path) -> Served:
    own = {"OPENROUTER_API_KEY": "up", "AVENGERS_VAR": str(directory)}
    if root != ROOT:  # in an environment of its own, whatever this one's is
        own["AVENGERS_VENV"] = str(root / ".venv")
    try:
        return stack.enter_context(served_as(config, directory, root=root, **own))
    except SystemExit as error:
        if isinstance(error.code, int):  # not for us: it was told to end
            raise
        raise NotStarted(str(error)) from None


def _ours(graph: Served, tenants: int) -> Target:
    return Target(
        int(graph.url.rpartition(":")[2]),
        headers={} if tenants else graph.headers,
        model="auto",
        must_say="x-routing: routed",
        pid=graph.process.pid,
        tenants=tenants,
    )
