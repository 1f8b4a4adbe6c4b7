"""A query that is like no training query is ranked by all of them together."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans, unit_rows
from artifacts.fit import FitConfig, fit_artifact
from artifacts.global_profile import GlobalProfile
from artifacts.performance_efficiency import performance_efficiency
from artifacts.policy import PaperPolicy, rank
from artifacts.request_terms import keep_home
from tests.artifacts.evaluation.split_data import two_topics
from tests.artifacts.test_fit import SPEC

STRANGE = unit_rows(np.array([[-1, -0.2]], np.float32))[0]
KNOWN = unit_rows(np.array([[1, 0.05]], np.float32))[0]
POLICIES = [PaperPolicy(n_nearest_clusters=1), CalibratedPolicy(n_nearest_clusters=2)]


def fitted(policy: PaperPolicy | CalibratedPolicy, **config: float) -> RoutingArtifact:
    dataset, vectors = two_topics()
    kmeans = KMeans(n_clusters=2, n_init=2)
    settings = FitConfig(kmeans, policy, train_fraction=1.0, **config)  # type: ignore[arg-type]
    return fit_artifact(dataset, vectors, SPEC, settings).artifact


@pytest.mark.parametrize("policy", POLICIES)
def test_it_is_marked_and_gets_the_means_over_all_queries(policy):
    artifact = fitted(policy)

    decision = artifact.choose(STRANGE, 1.0, ["coder", "small"])

    assert decision.out_of_distribution
    assert decision.similarity_percentile == 0
    assert decision.ranking == ("coder", "small")
    assert decision.expected_accuracy == pytest.approx((0.5, 0.25))
    assert decision.expected_cost_usd == pytest.approx((0.01, 0.001))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_familiar_query_is_not_marked(policy):
    decision = fitted(policy).choose(KNOWN, 1.0)

    assert not decision.out_of_distribution
    assert decision.similarity_percentile is not None
    assert decision.similarity_percentile > 1
    assert decision.model == "coder"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_a_batch_with_strange_queries_is_decided_as_each_alone(policy, alpha):
    artifact = fitted(policy)
    vectors = np.stack([KNOWN, STRANGE, KNOWN, STRANGE])

    scores, columns = artifact.score(vectors, alpha)

    for row, vector in enumerate(vectors):
        alone = artifact.choose(vector, alpha)
        order = rank(scores)[row]
        assert [artifact.models[columns[i]] for i in order] == list(alone.ranking)
        np.testing.assert_allclose(scores.score[row, order], alone.scores, rtol=1e-6)
        assert (scores.accuracy_sd is None) == (alone.accuracy_sd is None)


def test_alpha_means_under_the_global_profile_what_it_means_elsewhere():
    paper, calibrated = (fitted(policy) for policy in POLICIES)
    accuracy, cost_usd = np.array([[0.5, 0.5, 0.25]]), np.array([[0.01, 0.01, 0.001]])
    cells = np.stack([accuracy, cost_usd], axis=1)

    scores, _ = paper.score(STRANGE[None], 0.3)
    np.testing.assert_allclose(scores.score, performance_efficiency(cells, 0.3))

    scores, _ = calibrated.score(STRANGE[None], 0.3)
    smoother = calibrated.profiles.smoother
    assert smoother is not None
    share = smoother.accuracy_share(0.3)
    worth = share * accuracy - (1 - share) * cost_usd / smoother.cost_unit_usd
    np.testing.assert_allclose(scores.score, worth)


def test_how_sure_it_is_of_a_strange_query_is_how_far_clusters_lie_from_the_mean():
    artifact = fitted(POLICIES[1])
    smoother, share = artifact.profiles.smoother, artifact.profiles.query_share
    assert smoother is not None
    away = smoother.cell_accuracy[:, 2] - artifact.global_profile.accuracy[2]
    expected = np.sqrt((share * away**2).sum())

    decision = artifact.choose(STRANGE, 1.0, ["small"])

    assert decision.accuracy_sd == pytest.approx((expected,))


@pytest.mark.parametrize("n_nearest_clusters", [1, 2])
def test_a_prompt_cache_is_worth_what_its_cost_is_in_the_scores(n_nearest_clusters):
    artifact = fitted(PaperPolicy(n_nearest_clusters=n_nearest_clusters))
    decision = artifact.choose(STRANGE, 0.4)

    staying = keep_home(artifact, decision, "small", 0.001).staying

    assert staying is not None
    # The scores have the costs of one profile, 0.01 to 0.001 USD.
    assert staying.loss == pytest.approx(0.6 * 0.001 / 0.009)


def test_a_prompt_cache_is_worth_to_calibrated_what_it_is_elsewhere():
    artifact = fitted(POLICIES[1])

    strange, known = (
        keep_home(artifact, artifact.choose(vector, 0.4), "small", 0.001).staying
        for vector in (STRANGE, KNOWN)
    )

    assert strange is not None
    assert known is not None
    assert strange.loss == known.loss > 0


@pytest.mark.parametrize("policy", POLICIES)
def test_a_quantile_of_0_marks_nothing(policy):
    decision = fitted(policy, out_of_distribution_quantile=0.0).choose(STRANGE, 0.5)

    assert not decision.out_of_distribution
    assert decision.similarity_percentile == 0


def test_an_artifact_that_has_not_noted_similarities_marks_nothing():
    artifact = fitted(POLICIES[0])
    old = replace(artifact, profiles=replace(artifact.profiles, familiarity=None))

    decision = old.choose(STRANGE, 0.5)

    assert not decision.out_of_distribution
    assert decision.similarity_percentile is None


def test_a_model_measured_on_the_easy_half_gets_its_prior_for_the_other():
    artifact = fitted(POLICIES[0])
    profiles = artifact.profiles
    count = profiles.count.copy()
    count[0, 2] = 0

    found = GlobalProfile.of(replace(profiles, count=count))

    halves = profiles.prior_accuracy[0, 2], profiles.accuracy[1, 2]
    assert found.accuracy[2] == pytest.approx(np.mean(halves))
    assert found.imputed.tolist() == [False, False, True]
