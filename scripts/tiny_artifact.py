"""A routing artifact around a tiny encoder, fitted on made-up records.

Its decisions mean nothing; its files, its manifest and its encoder are the real thing.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from artifacts.clustering import KMeans
from artifacts.dataset import RoutingDataset
from artifacts.encoder import load_encoder
from artifacts.encoder_spec import SPEC_FILE
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy
from artifacts.store import save
from scripts.tiny_embedder import make_embedder, spec_of

_SUBJECTS = ("prime numbers", "lists in Python", "French verbs", "tides", "contracts")


def make_artifact(directory: Path, models: Sequence[str], *, max_tokens: int) -> None:
    """Write an artifact for `models` with a tiny Qwen3 embedder inside."""
    weights = make_embedder(directory.parent / f"{directory.name}-embedder")
    spec = spec_of(weights, max_tokens=max_tokens)
    (weights / SPEC_FILE).write_text(spec.model_dump_json(indent=1))
    dataset = _dataset(sorted(models))
    vectors = load_encoder(spec, weights).encode(dataset.queries)
    config = FitConfig(
        kmeans=KMeans(n_clusters=4, n_init=2),
        policy=PaperPolicy(),
        train_fraction=0.9,
    )
    fitted = fit_artifact(dataset, vectors, spec, config)
    save(fitted.artifact, directory, encoder_directory=weights)


def _dataset(models: list[str]) -> RoutingDataset:
    rng = np.random.default_rng(0)
    queries = tuple(
        f"Question {n} on {subject}: why?" for n in range(20) for subject in _SUBJECTS
    )
    shape = (len(queries), len(models))
    return RoutingDataset(
        queries=queries,
        datasets=("made-up",) * len(queries),
        models=tuple(models),
        score=rng.integers(0, 2, shape).astype(float),
        cost_usd=rng.uniform(0.001, 0.01, shape),
        prompt_tokens=np.full(shape, 12.0),
        completion_tokens=np.full(shape, 30.0),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--models", nargs="+", default=["tiny"])
    parser.add_argument("--max-tokens", type=int, default=64)
    options = parser.parse_args()
    make_artifact(options.directory, options.models, max_tokens=options.max_tokens)
