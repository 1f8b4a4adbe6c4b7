"""What is measured: each target can be started, and says how it is asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from scripts.overhead.load import Load
from scripts.overhead.running import free_port, python, running
from scripts.served import KEY, ROOT, served

_Merged = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A running gateway: how to ask it, and the process at the root of its tree."""

    port: int
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "openai/gpt-4o-mini"
    must_say: str | None = None
    pid: int | None = None
    streams: bool = True

    def load(self, seconds: float, **terms: Any) -> Load:
        """A load for it."""
        load = Load(
            self.port, self.path, dict(self.headers), self.model, seconds, **terms
        )
        return replace(load, must_say=self.must_say)


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


def gateway(change: Mapping[str, Any] | None = None) -> Start:
    """Ours, as serve_app/local.yaml has it but for the upstream's address; `change` is
    merged into that file."""

    @contextmanager
    def start(origin_port: int) -> Iterator[Target]:
        config = yaml.safe_load((ROOT / "serve_app/local.yaml").read_text("utf-8"))
        address = f"http://127.0.0.1:{origin_port}/api/v1/"
        config = merged(config, _args(backends=_to(address)))
        with TemporaryDirectory() as directory:
            text = yaml.safe_dump(merged(config, change or {}))
            text = text.replace("$DIRECTORY", directory)
            path = Path(directory) / "serve.yaml"
            path.write_text(text, encoding="utf-8")
            keys = {"OPENROUTER_API_KEY": "up"}
            with served("--config", str(path), environment=keys) as graph:
                yield Target(
                    int(graph.url.rpartition(":")[2]),
                    headers=graph.headers,
                    model="auto",
                    must_say="x-routing: routed",
                    pid=graph.process.pid,
                )

    return start


def _to(address: str) -> dict[str, Any]:
    return {"without_key": "refuse", "openrouter": {"base_url": address}}


def _args(**args: Any) -> dict[str, Any]:
    return {"applications": [{"name": "avengers", "args": args}]}


def merged(base: Any, change: Any) -> Any:
    """`change` over `base`: mappings key by key, lists of named things by name."""
    if isinstance(base, dict) and isinstance(change, dict):
        new = {key: merged(base.get(key), value) for key, value in change.items()}
        return base | new
    if _named(base) and _named(change):
        changes = {item["name"]: item for item in change}
        both = [merged(item, changes.pop(item["name"], {})) for item in base]
        return both + list(changes.values())
    return change


def _named(items: Any) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, dict) and "name" in item for item in items
    )
