"""Small artifacts for two topics, `code` and `maths`, and Embedders for them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import KMeans
from artifacts.extend import remove_models
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy
from artifacts.store import save
from tests.artifacts.evaluation.split_data import two_topics
from tests.deployments.routing.test_embedder import Lengths

TOPICS = {"code": (1.0, 0.0), "maths": (0.219, 0.9757), "ready?": (1.0, 0.0)}


class TopicEmbedder:
    """Places a text at the centre of the topic that it names."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> np.ndarray:
        self.embedded += texts
        return np.array([TOPICS[text] for text in texts], np.float32)


class GatedEmbedder:
    """Waits until it is let go on, and takes every text for code."""

    def __init__(self) -> None:
        self.asked, self.gate = asyncio.Event(), asyncio.Event()
        self.embedded: list[str] = []

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> np.ndarray:
        self.embedded += texts
        self.asked.set()
        await self.gate.wait()
        return np.array([TOPICS["code"] for _ in texts], np.float32)


@cache
def topic_artifact() -> RoutingArtifact:
    """`coder`, `mathematician` and `small`, each good at what its name says."""
    config = FitConfig(
        kmeans=KMeans(n_clusters=2, n_init=2),
        policy=PaperPolicy(n_nearest_clusters=1),
        train_fraction=1.0,
    )
    return fit_artifact(*two_topics(), Lengths.spec, config).artifact


@cache
def without_coder() -> RoutingArtifact:
    """Decides for code otherwise than `topic_artifact`, and for maths alike."""
    return remove_models(topic_artifact(), ["coder"])


def of_another_encoder() -> RoutingArtifact:
    """One whose vectors mean nothing here."""
    artifact = topic_artifact()
    encoder = artifact.manifest.encoder.model_copy(update={"prompt": "query: "})
    manifest = artifact.manifest.model_copy(update={"encoder": encoder})
    return replace(artifact, manifest=manifest)


def renamed_models(artifact: RoutingArtifact, prefix: str) -> RoutingArtifact:
    """The same under other names, as of a catalog that is another's."""
    models = tuple(
        entry.model_copy(update={"model": prefix + entry.model})
        for entry in artifact.manifest.models
    )
    manifest = artifact.manifest.model_copy(update={"models": models})
    return replace(artifact, manifest=manifest)


def saved(artifact: RoutingArtifact, directory: Path | str) -> str:
    """Its location."""
    save(artifact, Path(directory))
    return str(directory)
