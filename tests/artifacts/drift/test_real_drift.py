"""Real queries: those of the artifact's own kind, and those of another collection."""

import os
from pathlib import Path

import numpy as np
import pytest

from artifacts.clustering import KMeans, Vectors, nearest
from artifacts.dataset import RoutingDataset
from artifacts.drift.report import Observed, drift
from artifacts.drift.traffic import Traffic, Tries
from artifacts.embedding import embed
from artifacts.encoder import load_encoder
from artifacts.fit import FitConfig, Fitted, fit_artifact
from artifacts.onnx_encoder import read_spec
from artifacts.policy import rank
from artifacts.records import RecordReader
from tests.artifacts.hand_made import bundled

DATA = Path(os.environ.get("AVENGERS_DATA", "../shared/data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no real queries: {DATA} (set AVENGERS_DATA)"
)
N, N_OTHER = 2000, 400


def records(name: str, n: int) -> tuple[RoutingDataset, Vectors]:
    dataset = RecordReader(allow_gaps=True).read([DATA / f"{name}.jsonl.xz"])
    rows = np.random.default_rng(0).choice(len(dataset), n, replace=False)
    dataset = dataset.take(np.sort(rows))
    encoder = load_encoder(read_spec(bundled() / "encoder"), bundled() / "encoder")
    return dataset, embed(dataset.queries, encoder, threads=os.cpu_count() or 1)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    dataset, vectors = records("zeroeval", N)
    spec = read_spec(bundled() / "encoder")
    return fit_artifact(dataset, vectors, spec, FitConfig(KMeans(n_init=2)))


def routed(fitted: Fitted, dataset: RoutingDataset, vectors: Vectors) -> Observed:
    """As if each query had been asked once, and its model had answered as recorded."""
    artifact = fitted.artifact
    scores, columns = artifact.score(vectors, 0.5)
    model = columns[rank(scores)[:, 0]]
    cost, tokens = np.full((2, len(dataset)), np.nan)
    for row, column in enumerate(model.tolist()):
        if (name := artifact.models[column]) in dataset.models:
            place = dataset.models.index(name)
            cost[row] = dataset.cost_usd[row, place]
            tokens[row] = dataset.completion_tokens[row, place]
    clusters, similarity = nearest(vectors, artifact.centroids, 1)
    strange = [artifact.choose(each, 0.5).out_of_distribution for each in vectors]
    traffic = Traffic(
        clusters[:, 0],
        similarity[:, 0].astype(float),
        np.array(strange),
        model,
        cost,
        tokens,
    )
    return Observed(traffic, {}, Tries(len(dataset), 0), fresh=(dataset, vectors))


def test_held_out_queries_are_no_drift_and_have_the_expected_accuracy(fitted):
    report = drift(fitted.artifact, routed(fitted, fitted.test, fitted.test_vectors))

    assert report.verdict == "ok"
    said = {each.verdict for each in report.findings if each.signal == "accuracy"}
    assert said <= {"ok", "few"}


def test_queries_of_another_collection_are_drift_by_every_measure(fitted):
    dataset, vectors = records("mmlupro-sample", N_OTHER)
    report = drift(fitted.artifact, routed(fitted, dataset, vectors))

    said = {each.signal: each.verdict for each in report.findings if not each.model}
    accuracy = [each for each in report.findings if each.signal == "accuracy"]
    assert report.verdict == "refit"
    assert said["clusters"] == said["out_of_distribution"] == "refit"
    assert said["similarity"] == "refit"
    assert "refit" in {each.verdict for each in accuracy}
