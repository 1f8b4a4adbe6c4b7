"""What the router holds: its decision for one query and its scores for many."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import (
    RoutingArtifact,
    arrays_digest,
    arrays_of,
    profiles_of,
)
from artifacts.clustering import KMeans, unit_rows
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import EncoderMismatch
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy, rank
from tests.artifacts.evaluation.split_data import MODELS, two_topics

CODE = np.array([1, 0], np.float32)


@pytest.fixture(scope="module")
def artifact() -> RoutingArtifact:
    spec = EncoderSpec(
        kind="onnx",
        id="hand-made",
        revision=None,
        dimension=2,
        max_tokens=8,
        pooling="mean",
        prompt="",
        dtype="float32",
        digest="0" * 64,
    )
    config = FitConfig(KMeans(n_clusters=4), PaperPolicy(n_nearest_clusters=2), 1.0)
    return fit_artifact(*two_topics(), spec, config).artifact


def test_a_decision_ranks_every_model_and_explains_itself(artifact):
    decision = artifact.choose(CODE, 0.9)

    assert decision.model == "coder"
    assert sorted(decision.ranking) == list(MODELS)
    assert list(decision.scores) == sorted(decision.scores, reverse=True)
    assert decision.expected_accuracy[0] == 1
    assert decision.expected_cost_usd[0] == pytest.approx(0.01)
    assert decision.imputed == (False, False, False)
    assert len(decision.clusters) == 2
    assert (decision.policy, decision.alpha) == ("paper", 0.9)
    assert decision.artifact_id == artifact.artifact_id


def test_what_rests_on_a_prior_is_marked_where_its_model_stands(artifact):
    count = artifact.profiles.count.copy()
    count[:, MODELS.index("small")] = 0
    profiles = replace(artifact.profiles, count=count)
    decision = replace(artifact, profiles=profiles).choose(CODE, 0.0)

    assert decision.ranking[0] == "small"
    assert decision.imputed == (True, False, False)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("candidates", [None, ("small", "coder")])
def test_many_queries_are_decided_as_each_alone(artifact, alpha, candidates):
    angles = np.linspace(0, 1.5, 25)
    vectors = unit_rows(np.column_stack([np.cos(angles), np.sin(angles)]))

    scores, columns = artifact.score(vectors, alpha, candidates)

    best = columns[rank(scores)[:, 0]]
    alone = [artifact.choose(vector, alpha, candidates).model for vector in vectors]
    assert [artifact.models[column] for column in best] == alone


def test_the_order_and_number_of_candidates_given_do_not_matter(artifact):
    first = artifact.choose(CODE, 0.5, ["small", "coder", "small"])

    assert first == artifact.choose(CODE, 0.5, ["coder", "small"])
    assert sorted(first.ranking) == ["coder", "small"]


def test_a_single_candidate_is_chosen(artifact):
    assert artifact.choose(CODE, 1.0, ["small"]).ranking == ("small",)


@pytest.mark.parametrize(
    ("candidates", "what"),
    [([], "no candidate"), (["z", "coder", "y"], "not in the artifact: y, z")],
)
def test_candidates_that_cannot_be_chosen_are_refused(artifact, candidates, what):
    with pytest.raises(ValueError, match=what):
        artifact.choose(CODE, 0.5, candidates)


def test_vectors_of_another_encoder_are_refused(artifact):
    with pytest.raises(EncoderMismatch, match=r"vectors of 3 values.*hand-made \(2"):
        artifact.choose(np.array([1, 0, 0], np.float32), 0.5)


def test_asking_for_more_clusters_than_there_are_gives_all(artifact):
    policy = PaperPolicy(n_nearest_clusters=9)
    manifest = artifact.manifest.model_copy(update={"policy": policy})
    wide = RoutingArtifact(manifest, artifact.centroids, artifact.profiles)

    assert sorted(wide.choose(CODE, 0.5).clusters) == [0, 1, 2, 3]


def test_arrays_hold_the_whole_profiles(artifact):
    arrays = arrays_of(artifact.centroids, artifact.profiles)

    again = arrays_of(artifact.centroids, profiles_of(arrays))

    assert arrays_digest(again) == artifact.artifact_id


def test_any_changed_value_changes_the_artifact_id(artifact):
    for name, array in arrays_of(artifact.centroids, artifact.profiles).items():
        arrays = arrays_of(artifact.centroids, artifact.profiles)
        changed = array.copy()
        changed.flat[0] = 5
        assert arrays_digest({**arrays, name: changed}) != artifact.artifact_id
