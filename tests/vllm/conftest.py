"""One Ray Serve with the tiny model for all tests of vLLM."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments.backends.vllm_deployment import deployment_name
from scripts.tiny_served import APPLICATION, KEY_ENV, MODEL, tiny_application

START_S = 500  # two engines start at once, on two cores
KEY = "sk-av-vllm"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3-MoE with random weights, made from a seed."""
    model = tmp_path_factory.mktemp("tiny-model")
    # In a process of its own: torch has no business in this one.
    command = [sys.executable, "-m", "scripts.tiny_model", str(model)]
    subprocess.run(command, check=True, timeout=START_S)
    return model


@pytest.fixture(scope="session")
def tiny_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact with a tiny Qwen3 embedder that reads 64 tokens."""
    artifact = tmp_path_factory.mktemp("tiny-artifact") / "artifact"
    command = [sys.executable, "-m", "scripts.tiny_artifact", str(artifact)]
    subprocess.run([*command, "--models", MODEL], check=True, timeout=START_S)
    return artifact


@dataclass(frozen=True)
class Served:
    """The running graph: its address, and a way to the backend past the Gateway."""

    url: str

    def handle(self) -> Any:
        """The handle of `VLLMBackend:tiny`; to be called in the loop that uses it."""
        from ray import serve

        return serve.get_deployment_handle(deployment_name(MODEL), APPLICATION)

    def embedder(self) -> Any:
        """The handle of the Embedder, which vLLM runs."""
        from ray import serve

        return serve.get_deployment_handle("Embedder", APPLICATION)


@pytest.fixture(scope="session")
def served(tiny_model: Path, tiny_artifact: Path) -> Iterator[Served]:
    """The whole graph with the tiny models, on Ray started from this process."""
    # Not before here: Ray reads its settings when it is imported, and it warns.
    from serve_app.launching.launch import local_cluster

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(KEY_ENV, KEY)
        graph = tiny_application(tiny_model, port, artifact=tiny_artifact)
        with local_cluster(graph) as cluster:
            cluster.wait_until_ready(START_S)
            yield Served(cluster.url)
