"""An artifact with a small encoder, a cache of its own, and fsspec's memory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from artifacts.artifact import RoutingArtifact
from artifacts.onnx_encoder import read_spec
from artifacts.store import load
from tests.artifacts.hand_made import bundled, small_encoder


@pytest.fixture
def encoder(tmp_path) -> Path:
    return small_encoder(tmp_path / "encoder")


@pytest.fixture
def artifact(encoder) -> RoutingArtifact:
    bundle = load(bundled())
    changes = {"encoder": read_spec(encoder)}
    return replace(bundle, manifest=bundle.manifest.model_copy(update=changes))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("AVENGERS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def memory(cache) -> Iterator[MemoryFileSystem]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()
