"""The calibrated policy: what it learns and how it decides."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from artifacts.artifact import arrays_of, profiles_of
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans, nearest, unit_rows
from artifacts.dataset import RoutingDataset
from artifacts.policy import Neighbours, PaperPolicy, Scores, rank
from artifacts.profiles import ClusterProfiles, profile_clusters
from tests.artifacts.evaluation.split_data import two_topics

CODER, MATHEMATICIAN, SMALL = 0, 1, 2
EVERYONE = np.arange(3)
POLICY = CalibratedPolicy(n_nearest_clusters=2)


def learnt(
    dataset: RoutingDataset, vectors: NDArray[np.float32], n_clusters: int = 2
) -> tuple[ClusterProfiles, NDArray[np.float32]]:
    clustering = KMeans(n_clusters=n_clusters, n_init=2).fit(vectors)
    profiles = profile_clusters(dataset, clustering.labels, n_clusters)
    centroids = unit_rows(clustering.means)
    return POLICY.learn(profiles, dataset, vectors, centroids), centroids


@pytest.fixture(scope="module")
def trained() -> tuple[ClusterProfiles, NDArray[np.float32]]:
    return learnt(*two_topics())


def scored(
    trained: tuple[ClusterProfiles, NDArray[np.float32]],
    vectors: NDArray[np.float32],
    alpha: float,
    candidates: NDArray[np.intp] = EVERYONE,
) -> Scores:
    profiles, centroids = trained
    near = Neighbours(*nearest(vectors, centroids, 2), vectors)
    return POLICY.score(profiles, near, alpha, candidates)


def test_cells_are_shrunk_to_their_prior_by_8_queries() -> None:
    profiles = ClusterProfiles(
        accuracy=np.array([[0.75, np.nan]]),
        cost_usd=np.ones((1, 2)),
        count=np.array([[12, 0]]),
        prior_accuracy=np.array([[0.5, 0.25]]),
        prior_cost_usd=np.ones((1, 2)),
        prompt_tokens=np.ones((1, 2)),
        completion_tokens=np.ones((1, 2)),
    )

    cells = CalibratedPolicy()._shrunk_cells(profiles)

    # (12 · 0.75 + 8 · 0.5) / (12 + 8), and the prior where nothing was measured
    np.testing.assert_allclose(cells, [[0.65, 0.25]])


@pytest.mark.parametrize(("row", "best"), [(5, CODER), (30, MATHEMATICIAN)])
def test_alpha_1_takes_the_best_model_of_the_topic(trained, row, best) -> None:
    vectors = two_topics()[1][[row]]

    scores = scored(trained, vectors, 1.0)

    assert rank(scores)[0, 0] == best
    assert scores.accuracy[0, best] > 0.85


def test_alpha_0_takes_the_cheapest_model(trained) -> None:
    scores = scored(trained, two_topics()[1], 0.0)

    assert set(rank(scores)[:, 0]) == {SMALL}
    np.testing.assert_allclose(scores.cost_usd[:, SMALL], 0.001)


def test_an_excluded_model_is_not_chosen_and_changes_no_expectation(trained) -> None:
    vectors = two_topics()[1]
    some = np.array([MATHEMATICIAN, SMALL])

    masked, full = scored(trained, vectors, 1.0, some), scored(trained, vectors, 1.0)

    assert masked.score.shape == (40, 2)
    np.testing.assert_array_equal(masked.accuracy, full.accuracy[:, some])
    np.testing.assert_array_equal(masked.cost_usd, full.cost_usd[:, some])


def test_expectations_are_probabilities_with_a_spread(trained) -> None:
    scores = scored(trained, two_topics()[1], 0.5)

    assert scores.accuracy_sd is not None
    assert scores.accuracy.min() >= 0
    assert scores.accuracy.max() <= 1
    assert scores.accuracy_sd.min() >= 0
    assert scores.accuracy_sd.max() < 0.5


def test_the_arrays_of_an_artifact_hold_what_was_learnt(trained) -> None:
    profiles, centroids = trained
    vectors = two_topics()[1]

    again = profiles_of(arrays_of(centroids, profiles)), centroids

    before, after = scored(trained, vectors, 0.3), scored(again, vectors, 0.3)
    np.testing.assert_array_equal(after.score, before.score)


def test_one_row_is_decided_as_within_a_batch(trained) -> None:
    vectors = two_topics()[1]
    batch = scored(trained, vectors, 0.7)

    for row in range(len(vectors)):
        alone = scored(trained, vectors[[row]], 0.7)
        np.testing.assert_allclose(alone.score[0], batch.score[row], rtol=1e-5)
        assert rank(alone)[0, 0] == rank(batch)[row, 0]


@pytest.mark.parametrize("seed", range(20))
def test_expected_cost_never_falls_as_alpha_rises(trained, seed) -> None:
    profiles, centroids = random_tables(trained, np.random.default_rng(seed))
    vectors = two_topics()[1]
    before = np.zeros(len(vectors))

    for alpha in np.linspace(0, 1, 101).tolist():
        scores = scored((profiles, centroids), vectors, alpha)
        first = rank(scores)[:, :1]
        cost_usd = np.take_along_axis(scores.cost_usd, first, axis=1)[:, 0]
        assert np.all(cost_usd >= before)
        before = cost_usd


def random_tables(trained, rng):
    """The same clusters and landmarks with made-up models."""
    profiles, centroids = trained
    old = profiles.smoother
    made_up = replace(
        old,
        accuracy_mean=rng.uniform(0, 1, 3),
        accuracy_weight=rng.normal(0, 1, old.accuracy_weight.shape),
        cost_root_weight=rng.normal(0, 1, old.cost_root_weight.shape),
        cost_scale_usd=10.0 ** rng.uniform(-6, -1, 3),
        trade_off=np.r_[0, np.sort(rng.uniform(0, 1, 9)), 1],
        cost_unit_usd=10.0 ** rng.uniform(-6, -1),
    )
    return replace(profiles, smoother=made_up), centroids


def test_gaps_are_imputed() -> None:
    dataset, vectors = two_topics()
    score, cost_usd = dataset.score.copy(), dataset.cost_usd.copy()
    score[::2, CODER] = cost_usd[::2, CODER] = np.nan
    score[:20, SMALL] = cost_usd[:20, SMALL] = np.nan
    gappy = learnt(replace(dataset, score=score, cost_usd=cost_usd), vectors)

    scores = scored(gappy, vectors, 1.0)

    assert np.isfinite(scores.score).all()
    assert set(rank(scores)[5:15, 0]) == {CODER}
    np.testing.assert_allclose(scores.cost_usd[:20, SMALL], 0.001)


def test_fewer_measurements_widen_the_spread() -> None:
    dataset, vectors = two_topics()
    score = dataset.score.copy()
    score[::2, CODER] = np.nan
    gappy = learnt(replace(dataset, score=score), vectors)

    scores = scored(gappy, vectors, 1.0)

    assert scores.accuracy_sd is not None
    assert scores.accuracy_sd[:, CODER].mean() > scores.accuracy_sd[:, 1].mean()


@pytest.mark.parametrize("cost", [0.0, 0.01])
def test_models_of_equal_cost_leave_nothing_to_trade(cost: float) -> None:
    dataset, vectors = two_topics()
    flat = replace(dataset, cost_usd=np.full((40, 3), cost))

    profiles, centroids = learnt(flat, vectors)

    assert profiles.smoother is not None
    np.testing.assert_allclose(profiles.smoother.trade_off[20], 0.5)
    scores = scored((profiles, centroids), vectors, 1.0)
    assert set(rank(scores)[5:15, 0]) == {CODER}


def test_one_model_whose_answers_are_all_right_can_be_learnt() -> None:
    dataset, vectors = two_topics()
    one = replace(dataset.with_models(["coder"]), score=np.ones((40, 1)))

    scores = scored(learnt(one, vectors), vectors, 0.5, np.array([0]))

    np.testing.assert_allclose(scores.accuracy, 0.99, atol=0.02)


def test_few_queries_suffice() -> None:
    dataset, vectors = two_topics()
    rows = np.array([0, 1, 30, 31])

    scores = scored(learnt(dataset.take(rows), vectors[rows]), vectors, 1.0)

    assert np.isfinite(scores.score).all()


def test_profiles_of_another_policy_are_refused(trained) -> None:
    profiles, centroids = trained
    dataset, vectors = two_topics()
    plain = PaperPolicy().learn(
        replace(profiles, smoother=None), dataset, vectors, centroids
    )

    with pytest.raises(ValueError, match="lack what the calibrated policy learns"):
        scored((plain, centroids), vectors, 0.5)
