"""What `avengers evaluate` judges: all methods on unseen splits, or one artifact."""

import os
from dataclasses import dataclass
from pathlib import Path

from artifacts.clustering import Vectors
from artifacts.dataset import RoutingDataset
from artifacts.embedding import embed
from artifacts.encoder import TokenEncoder, load_encoder
from artifacts.errors import BadInput
from artifacts.evaluation.curves import held_out
from artifacts.evaluation.judging import (
    ALPHAS,
    EvaluationConfig,
    comparable,
    evaluate,
    judge,
)
from artifacts.evaluation.results import EvaluationResult
from artifacts.location import artifact_directory
from artifacts.own_records import made_of
from artifacts.store import ENCODER, load, load_manifest
from serve_app.commands.encoder_choice import chosen_encoder
from serve_app.commands.selection import with_models
from serve_app.commands.terminal import progress_bar


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What was judged on what; `vectors` are the rows of `dataset`."""

    result: EvaluationResult
    dataset: RoutingDataset
    vectors: Vectors


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _vectors(
    dataset: RoutingDataset, encoder: TokenEncoder, folder: Path | None
) -> Vectors:
    with progress_bar("embedding") as progress:
        return embed(dataset.queries, encoder, progress, folder=folder, threads=cores())


def judge_splits(
    dataset: RoutingDataset,
    config: EvaluationConfig,
    encoder: str | None,
    embeddings: Path | None,
) -> Judged:
    """Every method, fitted on a part of each split and judged on the rest.

    `encoder` is named as for a fit.
    """
    _check_splits(dataset, config)  # before hours of embedding
    chosen, _ = chosen_encoder(encoder)
    vectors = _vectors(dataset, chosen, embeddings)
    with progress_bar("splits") as progress:
        result = evaluate(dataset, vectors, config, progress)
    return Judged(result, dataset, vectors)


def _check_splits(dataset: RoutingDataset, config: EvaluationConfig) -> None:
    """BadInput: of some split, no row could be judged."""
    for seed in config.seeds:
        _, test_rows = dataset.split(config.train_fraction, seed)
        try:
            held_out(dataset.take(test_rows))
        except BadInput as error:
            raise BadInput(f"seed {seed}: {error}") from None


def _check_new(dataset: RoutingDataset, directory: Path) -> None:
    if made_of(load_manifest(directory), dataset):
        raise BadInput(
            f"{directory}: it was fitted on these very records; judge it on others"
        )


def judge_artifact(
    dataset: RoutingDataset,
    models: str | None,
    address: str,
    embeddings: Path | None,
) -> Judged:
    """An artifact beside the baselines; BadInput where the records are its own."""
    directory = artifact_directory(address)
    _check_new(dataset, directory)  # first: what --models leaves out may tell
    dataset = with_models(dataset, models)
    artifact = load(directory)
    comparable(artifact, dataset)  # before hours of embedding, too
    # The manifest's, as serving has it: files of another would judge another router.
    encoder = load_encoder(artifact.manifest.encoder, directory / ENCODER)
    vectors = _vectors(dataset, encoder, embeddings)
    split = judge(artifact, dataset, vectors)
    result = EvaluationResult(artifact.models, ALPHAS, (split,))
    return Judged(result, dataset, vectors)
