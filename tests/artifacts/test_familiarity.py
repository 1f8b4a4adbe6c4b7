"""How familiar a query is: quantiles of the similarity to the nearest centroid."""

import numpy as np
import pytest

from artifacts.clustering import Clustering, KMeans, unit_rows
from artifacts.familiarity import Familiarity, measure_familiarity

SIZE = np.array([3], np.int64)


def of(levels: list[float], values: list[float]) -> Familiarity:
    return Familiarity(np.array([levels, values]), SIZE)


@pytest.mark.parametrize(
    ("similarity", "percentile"),
    [(-1.0, 0), (0.1, 0), (0.25, 5), (0.4, 10), (0.7, 55), (1.0, 100), (1.1, 100)],
)
def test_percentiles_lie_on_the_line_through_the_quantiles(similarity, percentile):
    known = of([0, 0.1, 1], [0.1, 0.4, 1.0])

    assert known.percentile(similarity) == pytest.approx(percentile)


def test_a_similarity_and_its_percentile_are_inverse():
    known = of([0, 0.1, 1], [0.1, 0.4, 1.0])

    for level in (0.01, 0.1, 0.5, 0.99):
        assert known.percentile(known.similarity(level)) == pytest.approx(100 * level)


def test_a_query_is_left_out_of_its_own_centroid():
    # Three rows around the first axis: without the third, the others' mean is the axis.
    vectors = unit_rows(np.array([[1, 0.5], [1, -0.5], [1, 1]], np.float32))
    labels = np.zeros(3, np.intp)
    clustering = Clustering(vectors.mean(axis=0, keepdims=True), labels, 0.0)

    known = measure_familiarity(vectors, clustering)

    without_last = unit_rows((vectors[0] + vectors[1])[None])[0]
    without_second = unit_rows((vectors[0] + vectors[2])[None])[0]
    cosines = [vectors[2] @ without_last, vectors[1] @ without_second]
    assert known.similarity(0) == pytest.approx(min(cosines), abs=1e-6)
    assert known.cluster_size.tolist() == [3]


def test_a_query_alone_in_its_cluster_is_as_familiar_as_the_next_cluster_is_near():
    vectors = unit_rows(np.array([[1, 0], [0.6, 0.8], [0.6, 0.8]], np.float32))
    means = np.array([[1, 0], [0.6, 0.8]], np.float32)
    clustering = Clustering(means, np.array([0, 1, 1], np.intp), 0.0)

    assert measure_familiarity(vectors, clustering).similarity(0) == pytest.approx(0.6)


def test_about_the_said_share_of_new_queries_of_the_same_kind_lies_below():
    rng = np.random.default_rng(0)
    topics = unit_rows(rng.normal(size=(20, 32)).astype(np.float32))

    def queries(n: int) -> np.ndarray:
        noise = 0.12 * rng.normal(size=(n, 32))
        rows = topics[rng.integers(20, size=n)] + noise.astype(np.float32)
        return unit_rows(rows.astype(np.float32))

    clustering = KMeans(n_clusters=40, n_init=2).fit(train := queries(1000))
    known = measure_familiarity(train, clustering)

    new = queries(4000) @ unit_rows(clustering.means).T
    below = (new.max(axis=1) < known.similarity(0.05)).mean()
    assert 0.03 < below < 0.08


@pytest.mark.parametrize(
    ("quantiles", "what"),
    [
        ([[0.0, 1.0]], "shape"),
        ([[0.0, 1.0], [0.5, np.nan]], "finite"),
        ([[0.0, 1.0], [0.5, 0.4]], "never fall"),
        ([[0.1, 1.0], [0.5, 0.6]], "from 0 to 1"),
    ],
)
def test_quantiles_that_are_none_are_refused(quantiles, what):
    with pytest.raises(ValueError, match=what):
        Familiarity(np.array(quantiles), SIZE)


@pytest.mark.parametrize("size", [[-1], [0], [3.0], [np.nan]])
def test_sizes_that_are_no_counts_are_refused(size):
    with pytest.raises(ValueError, match="cluster_size: counts of queries expected"):
        Familiarity(np.array([[0.0, 1.0], [0.5, 0.6]]), np.array(size))


def test_half_of_the_arrays_is_refused_and_none_is_unknown():
    arrays = of([0, 1], [0.1, 1]).arrays()
    del arrays["cluster_size"]

    assert Familiarity.from_arrays({}) is None
    with pytest.raises(ValueError, match="cluster_size: the array is missing"):
        Familiarity.from_arrays(arrays)
