"""Serve's controller scales real Embedders by the tokens that they record."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from scripts.served import Served, served
from serve_app.commands.serve import LOCAL_CONFIG

POLICY = "deployments.routing.token_policy:TokenPolicy"
_MOST_S = 120.0
# By calls in flight, of which there is one, Serve would never start a second replica.
SCALING = {
    "min_replicas": 1,
    "max_replicas": 2,
    "target_ongoing_requests": 100,
    "upscale_delay_s": 0,
    "downscale_delay_s": 0,
    "look_back_period_s": 2,
    "metrics_interval_s": 1,
    "policy": {"policy_function": POLICY, "policy_kwargs": {"capacity": 1}},
}


def config_with(scaling: dict[str, object], directory: Path) -> Path:
    config = yaml.safe_load(LOCAL_CONFIG.read_text(encoding="utf-8"))
    for deployment in config["applications"][0]["deployments"]:
        if deployment["name"] == "Embedder":
            del deployment["num_replicas"]
            deployment["autoscaling_config"] = scaling
    path = directory / "serve.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def embedders(graph: Served) -> int:
    names = []
    for process in graph.process.children(recursive=True):
        try:
            names.append(" ".join(process.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return sum("Embedder" in name for name in names)


def embed(graph: Served) -> None:
    body = {"model": "auto", "input": f"{uuid.uuid4()} is a text of many tokens " * 5}
    url = f"{graph.url}/v1/embeddings"
    httpx.post(url, json=body, headers=graph.headers, timeout=60).raise_for_status()


def comes_to(graph: Served, number: int, each: Callable[[], object]) -> bool:
    until = time.monotonic() + _MOST_S
    while embedders(graph) != number and time.monotonic() < until:
        each()
        time.sleep(0.1)
    return embedders(graph) == number


@pytest.mark.integration
def test_embedders_come_with_the_tokens_and_go_with_them(tmp_path: Path) -> None:
    config = config_with(SCALING, tmp_path)
    with served("--config", str(config)) as graph:
        assert embedders(graph) == 1

        assert comes_to(graph, 2, lambda: embed(graph))
        assert comes_to(graph, 1, lambda: None)
