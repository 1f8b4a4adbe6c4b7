"""Places in the plane."""

import numpy as np

from artifacts.clustering import unit_rows
from artifacts.evaluation.layout import place_clusters, place_queries


def test_distances_in_a_plane_are_kept() -> None:
    # Three unit rows span a triangle, which the plane can hold without error.
    rows = unit_rows(np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32))

    places = place_clusters(rows)

    for i, j in ((0, 1), (0, 2), (1, 2)):
        expected = np.linalg.norm(rows[i] - rows[j])
        np.testing.assert_allclose(
            np.linalg.norm(places[i] - places[j]), expected, rtol=1e-3
        )


def test_clusters_that_are_alike_lie_together() -> None:
    angle = np.array([0.0, 0.1, 3.0, 3.1])
    rows = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)

    places = place_clusters(rows)

    assert np.linalg.norm(places[0] - places[1]) < 0.2
    assert np.linalg.norm(places[0] - places[2]) > 1.5


def test_one_cluster_and_equal_clusters_have_a_place() -> None:
    same = np.tile(np.array([1.0, 0.0], dtype=np.float32), (3, 1))

    assert place_clusters(same[:1]).tolist() == [[0, 0]]
    assert np.isfinite(place_clusters(same)).all()


def test_a_query_lies_between_the_clusters_that_are_like_it() -> None:
    centroids = np.eye(2, dtype=np.float32)
    places = np.array([[0.0, 0.0], [1.0, 0.0]])
    queries = unit_rows(np.array([[1, 0], [1, 1], [0, 1]], dtype=np.float32))

    points = place_queries(queries, centroids, places)

    np.testing.assert_allclose(points, [[0, 0], [0.5, 0], [1, 0]], atol=1e-6)
