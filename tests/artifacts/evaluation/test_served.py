"""A policy as a service applies it: where no cluster is near, none is asked."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans
from artifacts.evaluation.judging import EvaluationConfig, evaluate, judge
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy
from tests.artifacts.evaluation.split_data import N, small_config, two_topics
from tests.artifacts.hand_made import SPEC

ALPHAS = (0.0, 0.5, 1.0)
POLICIES = PaperPolicy(n_nearest_clusters=1), CalibratedPolicy(n_landmarks=8)


def fitted(policy: PaperPolicy | CalibratedPolicy) -> RoutingArtifact:
    config = FitConfig(kmeans=KMeans(n_clusters=2, n_init=2), policy=policy)
    return fit_artifact(*two_topics(), SPEC, config).artifact


def half_far() -> np.ndarray:
    """The first half as they were; the others are like no training query."""
    _, vectors = two_topics()
    return np.where(np.arange(N)[:, None] < N // 2, vectors, -vectors[::-1])


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.kind)
def test_what_is_served_is_what_the_artifact_decides(
    policy: PaperPolicy | CalibratedPolicy,
) -> None:
    artifact, vectors = fitted(policy), half_far()
    dataset, _ = two_topics()

    curve = judge(artifact, dataset, vectors, alphas=ALPHAS).curves["as-served"]

    for point, alpha in enumerate(ALPHAS):
        decisions = [artifact.choose(vector, alpha) for vector in vectors]
        assert sum(each.out_of_distribution for each in decisions) == N // 2
        for column, model in enumerate(artifact.models):
            share = np.mean([each.model == model for each in decisions])
            assert curve.share[point, column] == pytest.approx(share)


def test_the_policy_alone_is_told_beside_it() -> None:
    dataset, _ = two_topics()
    artifact = fitted(POLICIES[0])
    curves = judge(artifact, dataset, half_far(), alphas=ALPHAS).curves
    unmarked = artifact.manifest.model_copy(update={"out_of_distribution_quantile": 0})
    without = judge(
        replace(artifact, manifest=unmarked), dataset, half_far(), alphas=ALPHAS
    ).curves

    assert (curves["paper"].share == without["paper"].share).all()
    assert (without["as-served"].share == without["paper"].share).all()
    assert (curves["as-served"].share != curves["paper"].share).any()


def test_evaluation_tells_what_would_be_served_of_the_policy_that_is_the_default() -> (
    None
):
    assert EvaluationConfig().served == FitConfig().policy.kind
    quantile = EvaluationConfig().out_of_distribution_quantile
    assert quantile == FitConfig().out_of_distribution_quantile

    config = small_config(seeds=(0,), served="paper")
    alone = evaluate(*two_topics(), small_config(seeds=(0,))).splits[0]
    split = evaluate(*two_topics(), config).splits[0]

    assert split.curves.keys() - alone.curves.keys() == {"as-served"}
    assert (split.curves["paper"].share == alone.curves["paper"].share).all()
