"""Records that an artifact was made of are recognised, in whole."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.extend import NewRecords, add_models, remove_models
from artifacts.own_records import made_of
from artifacts.policy import PaperPolicy
from artifacts.reprice import TokenPrice, reprice
from tests.artifacts.test_extend import DATASET, VECTORS, fitted

OTHERS = replace(DATASET, queries=tuple(f"other {i}" for i in range(len(DATASET))))


@pytest.fixture(scope="module")
def artifact() -> RoutingArtifact:
    """Fitted on three of the five models."""
    return fitted(PaperPolicy(), "a", "b", "c")


def test_those_of_the_fit_whatever_other_models_they_tell_of(artifact):
    assert made_of(artifact.manifest, DATASET.with_models(("a", "b", "c")))
    assert made_of(artifact.manifest, DATASET)


def test_others_or_fewer_models_are_not_recognised(artifact):
    assert not made_of(artifact.manifest, OTHERS)
    assert not made_of(artifact.manifest, DATASET.with_models(("a", "b")))


def test_those_of_the_fit_after_changes_since(artifact):
    added = add_models(artifact, ("d",), NewRecords(OTHERS, VECTORS))
    removed = remove_models(added, ("a", "d"))
    again = add_models(removed, ("a",), NewRecords(OTHERS, VECTORS))
    changed = reprice(again, {"b": TokenPrice(1.0, 1.0)})

    assert made_of(changed.manifest, DATASET)


def test_those_that_a_model_was_added_from(artifact):
    score = OTHERS.score.copy()
    score[::2, 3] = float("nan")  # half of the queries lack `d`
    some = replace(OTHERS, score=score)
    added = add_models(artifact, ("d",), NewRecords(some, VECTORS))

    assert made_of(added.manifest, some)
    assert not made_of(added.manifest, OTHERS)


def test_queries_that_only_other_models_answered_are_left_out_of_account(artifact):
    more = DATASET.take(np.r_[np.arange(len(DATASET)), 0])
    score = more.score.copy()
    score[-1, :3] = float("nan")  # `d` alone knows
    more = replace(more, queries=(*DATASET.queries, "another"), score=score)

    assert made_of(artifact.manifest, more)
