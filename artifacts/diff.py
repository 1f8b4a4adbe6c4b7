"""How the decisions of two artifacts differ on given queries, by α."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.errors import BadInput
from artifacts.policy import Scores, rank


@dataclass(frozen=True, slots=True)
class Expectation:
    """Means over the queries of what an artifact expects of some choices."""

    accuracy: float  # in [0, 1]
    cost_usd: float  # of one query


@dataclass(frozen=True, slots=True)
class Switch:
    """Queries that go to `after` in B and went to `before` in A."""

    before: str
    after: str
    queries: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Two artifacts at one α.

    `expected_a` and `expected_b` are each artifact's own view of its own choices;
    `a_seen_by_b` is B's view of A's choices, so that B against it is what switching
    brings if B is right; None if A chooses a model that B lacks.
    """

    alpha: float
    changed: float  # share of the queries
    share_a: dict[str, float]  # of the queries, by model; most frequent first
    share_b: dict[str, float]
    expected_a: Expectation
    expected_b: Expectation
    a_seen_by_b: Expectation | None
    switches: tuple[Switch, ...]  # most frequent first


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """An artifact and the queries as its encoder sees them, unit rows (n, d)."""

    artifact: RoutingArtifact
    vectors: Vectors


def difference(
    a: Side, b: Side, alphas: Sequence[float], *, all_models: bool = False
) -> tuple[Difference, ...]:
    """One Difference for each α; candidates are the models that both hold.

    `all_models`: each artifact chooses among all of its own. BadInput: no model is in
    both, and not `all_models`.
    """
    common = sorted(set(a.artifact.models) & set(b.artifact.models))
    if not common and not all_models:
        raise BadInput("the artifacts have no model in common")
    candidates = None if all_models else common
    return tuple(_at(alpha, a, b, candidates) for alpha in alphas)


def _at(alpha: float, a: Side, b: Side, candidates: list[str] | None) -> Difference:
    names_a, choice_a, scores_a = _choices(a, alpha, candidates)
    names_b, choice_b, scores_b = _choices(b, alpha, candidates)
    pairs = [
        (names_a[i], names_b[j])
        for i, j in zip(choice_a.tolist(), choice_b.tolist(), strict=True)
    ]
    switches = Counter(pair for pair in pairs if pair[0] != pair[1])
    place = {name: column for column, name in enumerate(names_b)}
    seen = [place.get(before) for before, _ in pairs]
    known = [column for column in seen if column is not None]
    return Difference(
        alpha=alpha,
        changed=switches.total() / len(pairs),
        share_a=_shares([before for before, _ in pairs]),
        share_b=_shares([after for _, after in pairs]),
        expected_a=_expected(scores_a, choice_a),
        expected_b=_expected(scores_b, choice_b),
        a_seen_by_b=_expected(scores_b, np.array(known, dtype=np.intp))
        if len(known) == len(seen)
        else None,
        switches=tuple(
            Switch(*pair, count)
            for pair, count in sorted(switches.items(), key=_most_first)
        ),
    )


def _choices(
    side: Side, alpha: float, candidates: list[str] | None
) -> tuple[list[str], NDArray[np.intp], Scores]:
    """Names of the candidates, which of them each query gets, and all scores."""
    scores, columns = side.artifact.score(side.vectors, alpha, candidates)
    names = [side.artifact.models[column] for column in columns]
    return names, rank(scores)[:, 0], scores


def _expected(scores: Scores, choice: NDArray[np.intp]) -> Expectation:
    rows = np.arange(len(choice))
    return Expectation(
        float(scores.accuracy[rows, choice].mean()),
        float(scores.cost_usd[rows, choice].mean()),
    )


def _shares(names: list[str]) -> dict[str, float]:
    counts = sorted(Counter(names).items(), key=_most_first)
    return {name: count / len(names) for name, count in counts}


def _most_first(item: tuple[object, int]) -> tuple[int, str]:
    return -item[1], str(item[0])
