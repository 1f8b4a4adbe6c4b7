"""Other gateways, as their users run them: no database, no callbacks, one process.

They are installed by scripts/peer-environments.sh. What is changed about them is said
at each; access logs are off, which is in their favour.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from scripts.overhead.targets import Start, Target
from scripts.processes import free_port
from scripts.running import NotStarted, running
from scripts.served import KEY, ROOT

# Else LiteLLM, which RouteLLM uses too, fetches its price list at the start.
_OFFLINE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "HF_HUB_OFFLINE": "1",
    "OPENAI_API_KEY": "up",
}
_MODEL = "openai/gpt-4o-mini"

# RouteLLM's own command listens on every interface and logs each request.
_ROUTELLM = """
import sys, uvicorn
port = int(sys.argv.pop(1))
application = "routellm.openai_server:app"
uvicorn.run(application, host="127.0.0.1", port=port, access_log=False)
"""

# As published, every stream answers 500: the headers of fetch's answer cannot be
# changed. The copy's can.
_IMMUTABLE = "this.updateHeaders(i,n.cacheStatus,o)"
_MUTABLE = f"this.context.isStreaming&&(i=new Response(i.body,i)),{_IMMUTABLE}"
# It has no setting for its address, and would listen on every interface.
_LOOPBACK = """
const { Server } = require("net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (port, host, ready) {
  return listen.call(this, Number(port), "127.0.0.1", ready);
};
"""


@contextmanager
def litellm(origin_port: int) -> Iterator[Target]:
    """LiteLLM's proxy with one model and a master key, one worker."""
    directory, port = _installed("litellm"), free_port()
    model = {"model": _MODEL, "api_base": _base(origin_port), "api_key": "up"}
    config = {
        "model_list": [{"model_name": "auto", "litellm_params": model}],
        "general_settings": {"master_key": KEY},
    }
    with TemporaryDirectory() as made:
        path = Path(made) / "config.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        command: list[str | Path] = [
            *(directory / "bin/python", directory / "bin/litellm", "--config", path),
            *("--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"),
        ]
        ready = f"http://127.0.0.1:{port}/health/liveliness"
        with running(command, environment=_OFFLINE, ready_url=ready) as pid:
            yield Target(port, headers=_key(KEY), model="auto", pid=pid)


@contextmanager
def routellm(origin_port: int) -> Iterator[Target]:
    """RouteLLM's server with its random router, which decides for nothing."""
    directory, port = _installed("routellm"), free_port()
    command: list[str | Path] = [
        *(directory / "bin/python", "-c", _ROUTELLM, str(port)),
        *("--routers", "random", "--strong-model", "openai/gpt-4o"),
        *("--weak-model", _MODEL),
        *("--base-url", _base(origin_port), "--api-key", "up"),
    ]
    ready = f"http://127.0.0.1:{port}/openapi.json"
    with running(command, environment=_OFFLINE, ready_url=ready) as pid:
        yield Target(port, model="router-random-0.5", pid=pid)


@contextmanager
def portkey(origin_port: int) -> Iterator[Target]:
    """Portkey's gateway, with its streams mended; it knows no keys of its own."""
    directory, port = _installed("portkey"), free_port()
    build = directory / "node_modules/@portkey-ai/gateway/build"
    source = (build / "start-server.js").read_text(encoding="utf-8")
    if source.count(_IMMUTABLE) != 1:
        raise NotStarted("its program is not the one that the patch is for")
    # Beside the original, where it finds what it imports.
    (build / "mended.js").write_text(source.replace(_IMMUTABLE, _MUTABLE))
    (build / "loopback.cjs").write_text(_LOOPBACK)
    command: list[str | Path] = [
        *("node", "--require", build / "loopback.cjs", build / "mended.js"),
        *("--headless", f"--port={port}"),
    ]
    headers = {
        **_key("up"),
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": _base(origin_port),
    }
    environment = {"NODE_ENV": "production"}
    ready = f"http://127.0.0.1:{port}/"
    with running(command, environment=environment, ready_url=ready) as pid:
        yield Target(port, headers=headers, pid=pid)


PEERS: dict[str, Start] = {
    "Portkey": portkey,
    "RouteLLM random": routellm,
    "LiteLLM": litellm,
}


def _installed(name: str) -> Path:
    """Its directory. Raises NotStarted with the reason if there is none."""
    peers = Path(os.environ.get("AVENGERS_PEERS", ROOT / ".peers"))
    if (peers / f"{name}.stamp").exists():
        return peers / name
    failed = peers / f"{name}.failed"
    if failed.exists():
        raise NotStarted(f"not installed: {failed.read_text().strip()}")
    raise NotStarted("not installed (--peers installs it)")


def _base(origin_port: int) -> str:
    return f"http://127.0.0.1:{origin_port}/api/v1"


def _key(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}
