"""One real graph for all tests of the gateway: Ray Serve, HTTP, the real encoder."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from scripts.placing import place
from scripts.upstream.api import Upstream
from scripts.upstream.ledger import Entry
from scripts.upstream.listener import listening
from scripts.upstream.settings import Settings
from serve_app.commands.serve import LOCAL_CONFIG

KEY = "sk-av-integration"
ADMIN_KEY = "sk-av-integration-admin"
UPSTREAM_KEY = "sk-or-secret"
SIMULATED = "gemma-2-9b-it"
ABLE = "gpt-4o-2024-08-06"  # tools, json_schema, images, audio, files
HASTY = "llama-3.1-8b-instruct"  # its timeouts are short
ANSWER = "Forty two."


@dataclass(frozen=True)
class Served:
    """A running graph, and the upstream that it asks."""

    url: str
    logs: Path
    upstream: Upstream
    _clients: list[openai.OpenAI] = field(default_factory=list)

    @property
    def asked(self) -> dict[str, Any]:
        """The body that the upstream got last."""
        return self.upstream.requests[-1]

    @property
    def entry(self) -> Entry:
        """What the upstream wrote down of it."""
        return self.upstream.ledger.entries[-1]

    def client(self, path: str = "/v1", key: str = KEY) -> openai.OpenAI:
        """The official client, without retries of its own."""
        client = openai.OpenAI(base_url=self.url + path, api_key=key, max_retries=0)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close the clients' connections."""
        for client in self._clients:
            client.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`avengers serve` in a process of its own, OpenRouter played by a local server."""
    with running(tmp_path_factory.mktemp("served"), "deployment") as graph:
        yield graph


@contextmanager
def running(directory: Path, placement: str) -> Iterator[Served]:
    """The graph, with Router and backends where `placement` says."""
    upstream = Upstream(Settings(answer=ANSWER))
    with listening(upstream) as url:
        config = directory / "serve.yaml"
        text = yaml.safe_dump(_config(f"{url}/api/v1/", placement))
        config.write_text(text, encoding="utf-8")
        process = _start(config, directory / "stdout.log")
        try:
            said = _wait_until_ready(process, directory / "stdout.log")
            served = Served(said["ready"], Path(said["logs"]), upstream)
            yield served
            served.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _config(base_url: str, placement: str) -> dict[str, object]:
    """The local configuration with our upstream; one model is left to the simulator."""
    config = yaml.safe_load(LOCAL_CONFIG.read_text(encoding="utf-8"))
    args = config["applications"][0]["args"]
    place(config, placement)
    args["backends"]["openrouter"]["base_url"] = base_url
    args["backends"]["simulator"] |= {"first_token_s": 0.01, "tokens_per_s": 2000}
    args["limits"] = {
        "route_timeout_s": 20
    }  # the machine may be slow; no test is about it
    # One test's faults must not close a model to the next test.
    args["breaker"] = {"failures": 1000, "window": 1}
    models = {model["id"]: model for model in args["catalog"]["models"]}
    models[SIMULATED]["backend"] = "simulator"
    models[ABLE]["capabilities"] += ["audio", "files"]
    models[HASTY]["timeouts"] = {
        "first_token_s": 0.5,
        "between_tokens_s": 0.5,
        "total_s": 1.0,
    }
    config_args: dict[str, object] = config
    return config_args


def _start(config: Path, log: Path) -> subprocess.Popen[bytes]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "AVENGERS_DEV_KEY": KEY,
        "AVENGERS_ADMIN_KEY": ADMIN_KEY,
        "AVENGERS_VAR": str(config.parent / "var"),
        "OPENROUTER_API_KEY": UPSTREAM_KEY,
    }
    code = "from serve_app.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", "--config", str(config)]
    with log.open("wb") as out:
        return subprocess.Popen(
            [*command, "--port", str(port)],
            env=os.environ | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    """What it printed, by the word before the colon."""
    while process.poll() is None:
        text = log.read_text(encoding="utf-8")
        lines = [line.split(": ", 1) for line in text.splitlines() if ": " in line]
        said = {line[0]: line[1] for line in lines}
        if "ready" in said:
            return said
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")
