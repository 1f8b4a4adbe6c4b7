"""k-means and nearest centroids."""

import os
from pathlib import Path

import numpy as np
import pytest

from artifacts import clustering
from artifacts.clustering import KMeans, nearest, unit_rows
from artifacts.embedding import embed
from artifacts.encoder import OnnxEncoder
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.records import RecordReader
from artifacts.store import ENCODER

DATA = Path(os.environ.get("AVENGERS_DATA", "../shared/data"))


def rows(n: int, d: int = 8) -> np.ndarray:
    return unit_rows(np.random.default_rng(0).normal(size=(n, d)).astype(np.float32))


def test_the_same_seed_gives_the_same_clusters():
    kmeans = KMeans(n_clusters=5, seed=3)

    first, second = kmeans.fit(rows(200)), kmeans.fit(rows(200))

    assert np.array_equal(first.means, second.means)
    assert np.array_equal(first.labels, second.labels)


def test_fewer_rows_than_clusters_are_refused():
    with pytest.raises(ValueError, match="3 queries cannot make 5 clusters"):
        KMeans(n_clusters=5).fit(rows(3))


def test_nearest_come_in_the_order_of_their_cosine():
    clusters, similarity = nearest(np.eye(3, dtype=np.float32)[:1], rows(20, 3), 4)

    every = rows(20, 3)[:, 0]
    assert clusters[0].tolist() == np.argsort(-every)[:4].tolist()
    assert similarity[0].tolist() == sorted(similarity[0].tolist(), reverse=True)


def test_many_rows_are_compared_in_blocks(monkeypatch):
    at_once = nearest(rows(50), rows(7), 3)

    monkeypatch.setattr(clustering, "_BLOCK_CELLS", 7 * 4)
    in_blocks = nearest(rows(50), rows(7), 3)

    assert np.array_equal(in_blocks[0], at_once[0])
    assert in_blocks[1] == pytest.approx(at_once[1], abs=1e-6)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0]])
def test_a_row_without_direction_is_refused(bad):
    with pytest.raises(ValueError, match="no direction"):
        unit_rows(np.array([[1.0, 0.0], bad], np.float32))


@pytest.mark.train
def test_inertia_is_within_2_percent_of_scikit_learn_s():
    sklearn = pytest.importorskip("sklearn.cluster")
    file = DATA / "zeroeval.jsonl.xz"
    if not file.exists():
        pytest.skip(f"{file} is absent; AVENGERS_DATA names the folder of the records")
    encoder = OnnxEncoder(artifact_directory(BUNDLED_ARTIFACT) / ENCODER)
    vectors = embed(RecordReader().read([file]).queries[::4], encoder)

    ours = KMeans(n_clusters=60, n_init=10).fit(vectors).inertia
    theirs = sklearn.KMeans(60, n_init=10, random_state=0).fit(vectors).inertia_

    assert ours == pytest.approx(theirs, rel=0.02)
