"""Queries and their clusters in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from artifacts.clustering import Vectors, nearest
from artifacts.dataset import Matrix, RoutingDataset
from artifacts.evaluation.canvas import (
    GREY,
    INK,
    PALETTE,
    Label,
    drawing,
    label_points,
)
from artifacts.evaluation.layout import place_clusters, place_queries
from artifacts.evaluation.topics import top_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_DOTS = 20_000  # more only darken the page
_MAX_LABELS = 60
_LARGEST_CIRCLE = 500.0  # points²


@dataclass(frozen=True, slots=True, eq=False)
class _Clusters:
    """Where the clusters lie, how many queries they hold, and their words."""

    places: Matrix  # (k, 2)
    size: NDArray[np.intp]
    words: list[tuple[str, ...]]


def plot_cluster_map(
    dataset: RoutingDataset, vectors: Vectors, centroids: Vectors, path: Path
) -> None:
    """The unit rows `vectors` (n, d) of `dataset` among their clusters (k, d).

    Each query has the colour of its collection; the circles are the clusters, their
    area the number of queries, with the words that set them apart. At most 20,000
    queries, evenly spaced in the file, are looked at.
    """
    step = -(-len(dataset) // _MAX_DOTS)
    rows = np.arange(0, len(dataset), step)
    sample, vectors = dataset.take(rows), vectors[rows]
    places = place_clusters(centroids)
    labels = nearest(vectors, centroids, 1)[0][:, 0]
    size = np.bincount(labels, minlength=len(centroids))
    words = top_words(sample.queries, labels, len(centroids))
    points = place_queries(vectors, centroids, places)
    with drawing(path, 7.5) as figure:
        axes = figure.add_subplot()
        _draw_queries(axes, np.asarray(sample.datasets), points)
        axes.set_axis_off()
        axes.set_title(_title(len(sample), len(dataset), len(centroids)))
        # Below the axes: words stand anywhere inside.
        figure.legend(loc="outside lower center", ncols=4, fontsize=8, markerscale=3)
        _draw_clusters(axes, _Clusters(places, size, words))


def _title(n_shown: int, n: int, n_clusters: int) -> str:
    shown = f"{n:,}" if n_shown == n else f"{n_shown:,} of {n:,}"
    return f"{shown} queries in {n_clusters:,} clusters; near means alike"


def _draw_queries(axes: Axes, names: NDArray[np.str_], points: Matrix) -> None:
    for place, name in enumerate(_by_size(names)):
        rows = points[names == name]
        colour = PALETTE[place] if place < len(PALETTE) else GREY
        axes.scatter(
            rows[:, 0],
            rows[:, 1],
            s=4,
            color=colour,
            alpha=0.35,
            linewidths=0,
            label=_legend_name(place, name),
        )


def _draw_clusters(axes: Axes, clusters: _Clusters) -> None:
    order = np.argsort(-clusters.size, kind="stable")
    order = order[: np.count_nonzero(clusters.size)]
    area = _LARGEST_CIRCLE * clusters.size / clusters.size.max()
    axes.scatter(
        clusters.places[order, 0],
        clusters.places[order, 1],
        s=area[order],
        facecolors="none",
        edgecolors=INK,
        linewidths=0.8,
    )
    labelled = order[:_MAX_LABELS]
    x, y = clusters.places[labelled].T
    radius = np.sqrt(area / np.pi)
    labels = [
        Label(", ".join(clusters.words[cluster]), 6.5, float(radius[cluster]) + 3)
        for cluster in labelled
    ]
    label_points(axes, x, y, labels)


def _legend_name(place: int, name: str) -> str | None:
    if place == len(PALETTE):
        return "other collections"
    return name if place < len(PALETTE) else None


def _by_size(names: NDArray[np.str_]) -> list[str]:
    values, count = np.unique(names, return_counts=True)
    return [str(name) for name in values[np.argsort(-count, kind="stable")]]
