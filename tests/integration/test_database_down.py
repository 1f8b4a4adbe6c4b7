"""The database goes away while the graph serves, or is not there at its start."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from scripts.bench.limits_graph import KEY, LimitsGraph, limits_graph
from serve_app.commands.serve import LOCAL_CONFIG
from tests.postgresql import PostgresServer, postgresql_server

pytestmark = pytest.mark.integration
BODY = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
N = 5
LATE_S = 55


def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 90
    while not done():
        assert time.monotonic() < end
        time.sleep(0.2)


def ask(graph: LimitsGraph) -> int:
    url = f"{graph.served.url}/v1/chat/completions"
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(url, json=BODY, headers=headers, timeout=60).status_code


def ready(graph: LimitsGraph) -> dict:
    return httpx.get(f"{graph.served.url}/readyz", timeout=60).json()


@pytest.fixture
def server():
    with postgresql_server() as started:
        yield started


def test_while_it_is_away_answers_go_on_and_records_wait(server: PostgresServer):
    pace = {"first_token_s": 0.01, "tokens_per_s": 2000}
    with limits_graph(
        {"rpm_limit": 1000}, replicas=1, simulator=pace, postgresql=server
    ) as graph:
        assert ask(graph) == 200
        until(lambda: graph.spent()[1] == 1)
        server.stop()

        assert [ask(graph) for _ in range(N)] == [200] * N
        until(lambda: ready(graph)["ledger"] == "away")
        assert ready(graph)["usage_records_pending"] == N

        server.start()
        until(lambda: ready(graph)["ledger"] == "reachable")
        until(lambda: ready(graph)["usage_records_pending"] == 0)
        assert graph.spent()[1] == 1 + N


def test_where_there_is_none_at_the_start_it_says_so_and_ends(tmp_path: Path):
    config = yaml.safe_load(LOCAL_CONFIG.read_text(encoding="utf-8"))
    url = "postgresql://me@127.0.0.1:1/usage"
    config["applications"][0]["args"]["database"] = {"url": url}
    path = tmp_path / "serve.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    code = "from serve_app.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "--config", str(path), "--port", "18999"],
        env=os.environ | {"AVENGERS_VAR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("avengers: ")
    assert "The store: postgresql://me@127.0.0.1:1/usage: " in said
    assert "refused" in said.lower()


def test_one_that_comes_late_is_waited_for(server: PostgresServer, monkeypatch):
    """Three starts of the Ledger would have failed by then, and no more are made."""
    monkeypatch.setenv("AVENGERS_DATABASE_PATIENCE_S", "600")
    made = server.new_database
    late = threading.Timer(LATE_S, server.start)

    def new_database() -> str:
        url = made()
        server.stop()
        late.start()
        return url

    monkeypatch.setattr(server, "new_database", new_database)
    with limits_graph(
        {"max_budget": 10.0}, replicas=1, simulator={}, postgresql=server
    ) as graph:
        until(lambda: ready(graph)["ledger"] == "reachable")
        assert ask(graph) == 200
    late.join()
