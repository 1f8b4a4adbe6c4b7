"""Rare clusters: how often chance is taken for drift there, and how often drift for
chance. What is expected of a cluster of ten training queries is known from ten."""

from collections.abc import Iterable

import numpy as np
import pytest

from artifacts.drift.accuracy import accuracy_findings
from artifacts.drift.finding import Finding
from artifacts.drift.spending import spending_findings
from tests.artifacts.drift.unequal_clusters import RARE, SIZES, TRUTH, USD, World

RUNS = 200
ALIKE = SIZES / SIZES.sum()


def said(findings: Iterable[Finding]) -> set[str]:
    return {each.verdict for each in findings}


def is_alarm(verdicts: set[str]) -> bool:
    return bool(verdicts & {"watch", "refit"})


@pytest.mark.parametrize("shares", [ALIKE, RARE], ids=["alike", "rare"])
def test_labels_of_unchanged_models_are_rarely_taken_for_drift(shares):
    level, alarms = 0.1, 0
    for seed in range(RUNS):
        world = World.of(seed)
        findings = accuracy_findings(world.artifact, *world.labels(200, shares), level)
        alarms += is_alarm(said(findings))

    # At most 20 are expected; beyond 33 lie 3 standard deviations more.
    assert alarms <= 33


@pytest.mark.parametrize("shares", [ALIKE, RARE], ids=["alike", "rare"])
def test_costs_of_unchanged_models_are_rarely_taken_for_drift(shares):
    level, alarms = 0.1, 0
    for seed in range(RUNS):
        world = World.of(seed)
        findings = spending_findings(
            world.artifact, world.requests(2000, shares), level
        )
        alarms += is_alarm(said(findings))

    assert alarms <= 33


def test_a_model_that_fails_in_one_small_cluster_is_told():
    """One query in twenty-five is of it: of all answers, 2 % fewer are right."""
    truth = TRUTH.copy()
    truth[2, 0] = 0.0
    told = 0
    for seed in range(50):
        world = World.of(seed)
        labels = world.labels(2500, ALIKE, truth)
        one, *_ = (
            each
            for each in accuracy_findings(world.artifact, *labels, 0.01 / 6)
            if each.signal == "cluster_accuracy"
        )
        told += one.verdict == "watch" and one.why.startswith("cluster 2: 0.0%")

    assert told >= 45


def test_a_model_that_grew_dearer_everywhere_is_told_by_who_asks_of_all_things():
    told = 0
    for seed in range(50):
        world = World.of(seed)
        dearer = USD * np.array([5.0, 1.0])
        requests = world.requests(2000, ALIKE, dearer)
        told += "refit" in said(spending_findings(world.artifact, requests, 0.01 / 6))

    assert told >= 48


def test_a_cluster_in_which_a_model_was_never_measured_is_no_measure():
    world = World.of(0)
    count = world.artifact.profiles.count
    count[3, 0] = 0
    fresh, vectors = world.labels(200, RARE)
    first, *_ = accuracy_findings(world.artifact, fresh, vectors, 0.01)
    cost, *_ = spending_findings(world.artifact, world.requests(2000, RARE), 0.01)

    n_there = int((vectors == world.artifact.centroids[3]).all(axis=1).sum())
    assert first.n == 200 - n_there
    assert f"{n_there} where it was never measured left out" in first.why
    assert 1100 < cost.n < 1500  # half of 70 % of 2,000 are left out
