"""Accuracy–cost curves on held-out rows.

Knows nothing of how a method chooses: a curve is points of accuracy and cost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.dataset import Matrix, RoutingDataset
from artifacts.errors import BadInput

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Held-out rows on which every model was measured: any choice can be judged.

    `member` says which of the `collections` each row is of; none is without rows.
    """

    models: tuple[str, ...]
    collections: tuple[str, ...]
    score: Matrix  # (n, m) in [0, 1]
    cost_usd: Matrix  # (n, m)
    member: NDArray[np.intp]  # (n,)
    rows: NDArray[np.intp]  # which rows of the dataset these are
    n_skipped: int  # rows left out: some model has no score or no cost there
    unjudged: tuple[str, ...] = ()  # collections of which all rows were left out

    @property
    def accuracy(self) -> Values:
        """Each model's mean score over the queries; (m,)."""
        return np.asarray(self.score.mean(axis=0))

    def mean_by_collection(self, score: Matrix) -> Matrix:
        """Means (p, c) of scores (p, n) over the queries of each collection."""
        order = self.member.argsort(kind="stable")
        count = np.bincount(self.member)
        starts = np.cumsum(count) - count
        return np.asarray(np.add.reduceat(score[:, order], starts, axis=1) / count)

    @property
    def mean_cost_usd(self) -> Values:
        """Each model's cost of one query; (m,)."""
        return np.asarray(self.cost_usd.mean(axis=0))


def held_out(test: RoutingDataset) -> HeldOut:
    """The complete rows of `test`; BadInput if there are none."""
    rows = test.complete_rows
    if not len(rows):
        raise BadInput("no held-out query on which every model was measured")
    names = np.asarray(test.datasets)[rows]
    collections, member = np.unique(names, return_inverse=True)
    return HeldOut(
        models=test.models,
        collections=tuple(collections.tolist()),
        score=test.score[rows],
        cost_usd=test.cost_usd[rows],
        member=member.astype(np.intp),
        rows=rows,
        n_skipped=len(test) - len(rows),
        unjudged=tuple(sorted(set(test.datasets) - set(collections.tolist()))),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A method's p points on held-out rows.

    `knob` is α, the chance in a mix, or 0 where a method has one point. `accuracy` is
    the mean over the queries, `by_collection` (p, c) the mean over those of each
    collection, `share` (p, m) the part of the queries that each model answers.
    """

    knob: Values
    accuracy: Values
    by_collection: Matrix
    cost_usd: Values
    share: Matrix

    @property
    def accuracy_macro(self) -> Values:
        """Mean over the collections: each has the same say."""
        return np.asarray(self.by_collection.mean(axis=1))


def routed(test: HeldOut, knob: Values, choices: NDArray[np.intp]) -> Curve:
    """The curve of a method that sends row r to model `choices[i, r]` at point i."""
    row = np.arange(len(test.score))
    score = test.score[row, choices]
    columns = range(len(test.models))
    return Curve(
        knob=knob,
        accuracy=score.mean(axis=1),
        by_collection=test.mean_by_collection(score),
        cost_usd=test.cost_usd[row, choices].mean(axis=1),
        share=np.stack(
            [(choices == column).mean(axis=1) for column in columns], axis=1
        ),
    )


def blended(test: HeldOut, knob: Values, share: Matrix) -> Curve:
    """The expected curve of a method that draws a model by chance, blind to the query.

    `share[i, j]` is the chance of model j at point i.
    """
    return Curve(
        knob=knob,
        accuracy=share @ test.accuracy,
        by_collection=share @ test.mean_by_collection(test.score.T),
        cost_usd=share @ test.mean_cost_usd,
        share=share,
    )


def upper_hull(x: Values, y: Values) -> NDArray[np.intp]:
    """Vertices of the non-decreasing concave hull of the points, by ascending x."""
    hull: list[int] = []
    for point in np.lexsort((-y, x)).tolist():
        if hull and y[point] <= y[hull[-1]]:
            continue
        while len(hull) > 1 and not _turns_right(x, y, (hull[-2], hull[-1], point)):
            hull.pop()
        hull.append(point)
    return np.array(hull, dtype=np.intp)


def _turns_right(x: Values, y: Values, points: tuple[int, int, int]) -> bool:
    a, b, c = points
    return bool((x[b] - x[a]) * (y[c] - y[a]) < (x[c] - x[a]) * (y[b] - y[a]))


def pareto_front(cost_usd: Values, accuracy: Values) -> NDArray[np.intp]:
    """Points that none beats in both cost and accuracy, by ascending cost."""
    order = np.lexsort((-accuracy, cost_usd))
    best = np.maximum.accumulate(accuracy[order])
    return order[np.r_[True, best[1:] > best[:-1]]]
