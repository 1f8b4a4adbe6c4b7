"""The training queries and their clusters in two dimensions."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artifacts.evaluation.canvas import GREY, INK, PALETTE, drawing, label_points
from artifacts.clustering import Vectors, nearest
from artifacts.dataset import Matrix, RoutingDataset
from artifacts.evaluation.topics import top_words


def plot_cluster_map(
    dataset: RoutingDataset, vectors: Vectors, centroids: Vectors, path: Path
) -> None:
    """First two principal components of the unit rows `vectors` (n, d) of `dataset`.

    Each query has the colour of its collection; the circles are the clusters, their
    area the number of queries, with the words that set them apart.
    """
    labels = nearest(vectors, centroids, 1)[0][:, 0]
    plane, middle = project(vectors)
    points = (vectors - middle) @ plane
    size = np.bincount(labels, minlength=len(centroids))
    total = np.zeros((len(centroids), 2))
    np.add.at(total, labels, points)
    centres = total / np.maximum(size, 1)[:, None]
    words = top_words(dataset.queries, labels, len(centroids))
    with drawing(path, 7.0) as figure:
        axes = figure.add_subplot()
        names = np.asarray(dataset.datasets)
        for rank, name in enumerate(_by_size(names)):
            rows = points[names == name]
            colour = PALETTE[rank] if rank < len(PALETTE) else GREY
            axes.scatter(
                rows[:, 0],
                rows[:, 1],
                s=4,
                color=colour,
                alpha=0.35,
                linewidths=0,
                label=_legend_name(rank, name),
            )
        axes.scatter(
            centres[:, 0],
            centres[:, 1],
            s=1.0 * size,
            facecolors="none",
            edgecolors=INK,
            linewidths=0.8,
        )
        order = np.argsort(-size, kind="stable")[: np.count_nonzero(size)]
        texts = [", ".join(words[cluster]) for cluster in order]
        label_points(axes, centres[order, 0], centres[order, 1], texts, size=6.5)
        axes.set_title(f"{len(dataset)} queries in {len(centroids)} clusters")
        axes.set(xlabel="first principal component", ylabel="second")
        axes.legend(loc="best", fontsize=8, markerscale=3)


def _legend_name(rank: int, name: str) -> str | None:
    if rank == len(PALETTE):
        return "other collections"
    return name if rank < len(PALETTE) else None


def _by_size(names: NDArray[np.str_]) -> list[str]:
    values, count = np.unique(names, return_counts=True)
    return [str(name) for name in values[np.argsort(-count, kind="stable")]]


def project(vectors: Vectors) -> tuple[Matrix, Matrix]:
    """The plane of greatest variance, (d, 2), and the mean of the rows, (1, d).

    The sign of an axis is free in theory; here its greatest component is positive.
    """
    middle = vectors.mean(axis=0, keepdims=True, dtype=np.float64)
    _, axes = np.linalg.eigh(np.cov(vectors - middle, rowvar=False))
    plane = axes[:, :-3:-1]
    largest = np.abs(plane).argmax(axis=0)
    return plane * np.sign(plane[largest, [0, 1]]), middle
