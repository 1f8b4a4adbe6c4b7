"""Profiles of clusters against means computed by hand."""

import numpy as np
import pytest

import artifacts.profiles
from artifacts.dataset import RoutingDataset
from artifacts.profiles import ClusterProfiles, profile_clusters

NAN = np.nan
LABELS = np.array([0, 0, 1, 1], dtype=np.intp)


def profiles(score, cost, labels=LABELS, n_clusters=2) -> ClusterProfiles:
    score, cost = np.array(score, float), np.array(cost, float)
    dataset = RoutingDataset(
        queries=tuple(f"q{i}" for i in range(len(score))),
        datasets=("d",) * len(score),
        models=tuple("abc"[: score.shape[1]]),
        score=score,
        cost_usd=cost,
        prompt_tokens=np.full(score.shape, NAN),
        completion_tokens=np.full(score.shape, 7.0),
    )
    return profile_clusters(dataset, labels, n_clusters)


def test_means_within_each_cluster():
    result = profiles(
        [[1, 0], [0, 0], [1, 1], [1, 0.5]], [[1, 2], [3, 2], [5, 6]] * 1 + [[7, 8]]
    )

    assert result.accuracy.tolist() == [[0.5, 0], [1, 0.75]]
    assert result.cost_usd.tolist() == [[2, 2], [6, 7]]
    assert result.count.tolist() == [[2, 2], [2, 2]]
    assert result.completion_tokens.tolist() == [[7, 7], [7, 7]]


def test_what_was_not_measured_does_not_count():
    result = profiles([[1, NAN], [0, 1], [1, 1], [1, 1]], [[1, NAN]] + [[3, 2]] * 3)

    assert result.accuracy.tolist() == [[0.5, 1], [1, 1]]
    assert result.cost_usd.tolist() == [[2, 2], [3, 2]]
    assert result.count.tolist() == [[2, 1], [2, 2]]
    assert np.isnan(result.prompt_tokens).all()


def test_a_cluster_is_as_large_as_its_most_measured_model_says():
    """Where the artifact has not noted it; here model b is measured in one only."""
    labels = np.array([0, 0, 0, 1])
    result = profiles([[1, NAN]] * 3 + [[1, 1]], [[1, NAN]] * 3 + [[1, 1]], labels)

    assert result.query_share.tolist() == [0.75, 0.25]


def test_a_cell_without_evidence_is_nan_and_filled_from_the_prior():
    result = profiles(
        [[1, NAN], [1, NAN], [1, 0], [1, 0]], [[1, NAN]] * 2 + [[1, 4]] * 2
    )

    assert result.imputed.tolist() == [[False, True], [False, False]]
    assert np.isnan(result.accuracy[0, 1])
    assert result.filled_accuracy()[0, 1] == result.prior_accuracy[0, 1]
    assert result.filled_cost_usd()[0, 1] == pytest.approx(4)


def test_the_prior_ranks_models_as_the_evidence_elsewhere_does():
    score = [[1, NAN, 1], [0, NAN, 1], [0, 1, 1], [0, 1, 1]]
    result = profiles(score, [[1, NAN, 1]] * 2 + [[1, 1, 1]] * 2)

    prior = result.prior_accuracy[0]
    assert 0 < prior[0] < prior[1] < 1


def test_a_model_that_is_free_is_expected_to_be_free():
    result = profiles([[1, 1]] * 2 + [[1, NAN]] * 2, [[1, 0]] * 2 + [[1, NAN]] * 2)

    assert result.filled_cost_usd()[:, 1].tolist() == [0, 0]


def test_a_cluster_without_rows_has_finite_expectations():
    result = profiles([[1, 0]] * 4, [[2, 1]] * 4, n_clusters=3)

    assert result.count[2].tolist() == [0, 0]
    assert np.isfinite(result.filled_accuracy()).all()
    assert result.filled_cost_usd()[2] == pytest.approx([2, 1])


def test_cells_are_those_of_the_filled_tables():
    result = profiles(
        [[1, NAN], [1, NAN], [1, 0], [1, 0]], [[1, NAN]] * 2 + [[1, 4]] * 2
    )

    cells = result.cells(np.array([1, 0]), np.array([1]))

    assert cells[:, 0].tolist() == result.filled_accuracy()[[1, 0], 1:].tolist()
    assert cells[:, 1].tolist() == result.filled_cost_usd()[[1, 0], 1:].tolist()


def test_a_model_is_unmeasured_where_one_of_the_clusters_lacks_evidence():
    result = profiles(
        [[1, NAN], [1, NAN], [1, 0], [1, 0]], [[1, NAN]] * 2 + [[1, 4]] * 2
    )

    both, second = np.array([0, 1]), np.array([1])
    assert result.unmeasured(both, np.array([0, 1])).tolist() == [False, True]
    assert result.unmeasured(both, np.array([1])).tolist() == [True]
    assert result.unmeasured(second, np.array([0, 1])).tolist() == [False, False]


def test_rows_are_summed_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 50)
    values = rng.uniform(size=(2, 50, 2))
    at_once = profiles(*values, labels, 3)

    monkeypatch.setattr(artifacts.profiles, "_BLOCK_CELLS", 3 * 8)
    in_blocks = profiles(*values, labels, 3)

    assert in_blocks.accuracy == pytest.approx(at_once.accuracy)
    assert in_blocks.cost_usd == pytest.approx(at_once.cost_usd)
    assert in_blocks.count.tolist() == at_once.count.tolist()


def test_a_model_without_any_score_is_named():
    with pytest.raises(ValueError, match="'b' has no score among the training"):
        profiles([[1, NAN]] * 4, [[1, NAN]] * 4)
