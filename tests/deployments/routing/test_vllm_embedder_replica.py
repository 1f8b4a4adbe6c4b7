"""What a replica does beside vLLM, which is not there: nor is Ray's library for it."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest

from artifacts.encoder_spec import EncoderSpec, files_digest
from artifacts.errors import ArtifactError
from artifacts.location import directory_of, save_at
from artifacts.store import load
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.vllm_embedder import encoder_of
from deployments.telemetry.config import TelemetryConfig
from tests.artifacts.hand_made import bundled

# Ray's own, of what it imports.
pytestmark = pytest.mark.filterwarnings("ignore")

MODULE = "deployments.routing.vllm_embedder_replica"
ADDRESS = "memory://vllm/a"


class Started(Exception):
    """The engine would load the weights now."""


class Server:
    """Stands for Ray's LLMServer."""

    healthy = True

    async def __init__(self, llm_config: object) -> None:  # type: ignore[misc]
        raise Started

    async def check_health(self) -> None:
        if not self.healthy:
            raise RuntimeError("the engine is dead")


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One that was not started yet."""
    library = "ray.serve.llm"
    made = {
        library: {"LLMConfig": object},
        f"{library}.deployment": {"LLMServer": Server},
        f"{library}.openai_api_models": dict.fromkeys(
            ("EmbeddingRequest", "ErrorResponse"), object
        ),
    }
    for name, names in made.items():
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**names))  # type: ignore[arg-type]
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    kind = import_module(MODULE).VLLMEmbedderReplica
    yield kind.__new__(kind)
    sys.modules.pop(MODULE)


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EncoderSpec]:
    """Of an artifact at ADDRESS that holds the weights, which were not fetched yet."""
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"weights")
    bundle = load(bundled())
    changes = {"kind": "sentence-transformers", "dtype": "float32"}
    changes |= {"digest": files_digest(weights)}
    spec = bundle.manifest.encoder.model_copy(update=changes)
    manifest = bundle.manifest.model_copy(update={"encoder": spec})
    save_at(replace(bundle, manifest=manifest), ADDRESS, encoder_directory=weights)
    monkeypatch.setenv("AVENGERS_CACHE", str(tmp_path / "cache"))
    yield spec
    fsspec.filesystem("memory").rm("/vllm", recursive=True)


async def start(replica: Any, source: Path | None, artifact: str | None) -> None:
    config = EmbedderConfig(engine="vllm", source=source and str(source))
    spec, _ = encoder_of(ADDRESS)
    await type(replica).__init__(
        replica,
        object(),
        encoder=spec,
        config=config,
        telemetry=TelemetryConfig(),
        artifact=artifact,
    )


async def test_weights_in_an_artifact_are_fetched_to_the_replica_s_own_node(
    replica, spec
):
    known, source = encoder_of(ADDRESS)
    assert known == spec
    assert source is not None
    assert not source.exists()

    with pytest.raises(Started):
        await start(replica, source, ADDRESS)

    assert (source / "model.safetensors").read_bytes() == b"weights"
    assert source == (directory_of(ADDRESS) / "encoder").resolve()


async def test_weights_that_lie_nowhere_do_not_start_an_engine(replica, spec):
    _, source = encoder_of(ADDRESS)

    with pytest.raises(ArtifactError, match="digest of the files differs"):
        await start(replica, source, None)


async def test_its_health_is_the_engine_s_and_that_it_answers(replica):
    asked = []

    async def check() -> None:
        asked.append("a short text")

    replica._check = check
    await replica.check_health()
    assert asked == ["a short text"]

    replica.healthy = False
    with pytest.raises(RuntimeError, match="the engine is dead"):
        await replica.check_health()
