"""What requests ask of the upstreams: the bundled artifact decides on real queries.

The decision is `RoutingArtifact.score`, the one that serves; the queries are those of a
records file, embedded by the artifact's own encoder, or, without a file, directions
around its centroids.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors, unit_rows
from artifacts.encoder import load_encoder
from artifacts.policy import rank
from artifacts.queries import read_queries
from artifacts.store import ENCODER, load
from scripts.scaling.constants import ROOT, Assumptions

ARTIFACT = ROOT / "artifacts/default"
# α of the three tiers of serve_app/local.yaml, and their shares of the traffic.
TIERS = {"economy": (0.2, 0.5), "balanced": (0.5, 0.35), "quality": (0.9, 0.15)}
SAMPLE = 200
_NEAR = 0.02  # of the way from a centroid; queries lie around it


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Means over requests: what upstreams take."""

    stream_s: float  # how long tokens come
    upstream_s: float  # the same with the time to the first one
    source: str


def query_vectors(
    artifact: RoutingArtifact, queries: Path | None, seed: int
) -> tuple[Vectors, str]:
    """Unit rows, and what they are of."""
    rng = np.random.default_rng(seed)
    if queries is None:
        share = artifact.profiles.query_share
        near = artifact.centroids[rng.choice(len(share), SAMPLE, p=share)]
        noise = rng.normal(0, _NEAR, near.shape)
        return unit_rows((near + noise).astype(np.float32)), "around the centroids"
    texts = read_queries(queries)
    chosen = [texts[i] for i in rng.choice(len(texts), min(SAMPLE, len(texts)), False)]
    encoder = load_encoder(artifact.manifest.encoder, ARTIFACT / ENCODER)
    return encoder.encode(chosen), f"{len(chosen)} queries of {queries.name}"


def demand(
    artifact: RoutingArtifact, vectors: Vectors, assumptions: Assumptions, source: str
) -> Demand:
    """Decide for every vector under every tier's α, and average what that takes."""
    tokens = usual(artifact.profiles.completion_tokens)
    stream_s = 0.0
    for alpha, of_traffic in TIERS.values():
        scores, columns = artifact.score(vectors, alpha)
        first = rank(scores)[:, 0]
        weight = of_traffic / len(vectors)
        answer = tokens[columns[first]]
        stream_s += weight * float((answer / assumptions.upstream_tokens_per_s).sum())
    upstream_s = stream_s + assumptions.upstream_first_token_s
    return Demand(stream_s, upstream_s, source)


def usual(tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each model's mean over clusters, where known; else that of all models."""
    with np.errstate(invalid="ignore"):
        known = ~np.isnan(tokens)
        sums = np.where(known, tokens, 0.0).sum(axis=0)
        means = np.where(
            known.any(axis=0), sums / np.maximum(1, known.sum(axis=0)), np.nan
        )
    return np.where(np.isnan(means), np.nanmean(means), means)


def bundled_demand(
    assumptions: Assumptions, *, queries: Path | None = None, seed: int = 0
) -> Demand:
    """Of the bundled artifact."""
    artifact = load(ARTIFACT)
    vectors, source = query_vectors(artifact, queries, seed)
    return demand(artifact, vectors, assumptions, source)
