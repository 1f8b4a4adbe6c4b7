"""Judging methods on held-out rows."""

import json
from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import KMeans, unit_rows
from artifacts.dataset import RoutingDataset
from artifacts.errors import BadInput
from artifacts.evaluation.judging import ALPHAS, default_methods, evaluate, judge
from artifacts.evaluation.measures import METRICS
from artifacts.evaluation.report import metrics_json
from artifacts.evaluation.routers import Router, Training
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy
from tests.artifacts.evaluation.split_data import MODELS, N, small_config, two_topics
from tests.artifacts.hand_made import SPEC


def test_a_router_that_tells_the_topics_apart_beats_every_single_model() -> None:
    result = evaluate(*two_topics(), small_config(seeds=(0,)))

    metrics = result.splits[0].metrics
    assert metrics["paper"]["max_accuracy"] == 1.0
    assert metrics["best-single"]["max_accuracy"] == 0.5
    assert metrics["paper"]["cost_to_match_best"] == 1.0
    assert tuple(metrics["paper"]) == METRICS


def test_every_baseline_is_judged_beside_the_methods() -> None:
    result = evaluate(*two_topics(), small_config(seeds=(0,)))

    assert set(result.splits[0].single_metrics) == set(MODELS)
    assert set(result.splits[0].metrics) == {
        "paper",
        "mix-of-two",
        "best-single",
        "cheapest",
        "random",
        "oracle",
    }


def test_a_split_depends_on_its_seed_alone_and_splits_keep_the_order_of_seeds() -> None:
    both = evaluate(*two_topics(), small_config(seeds=(5, 3)))
    alone = evaluate(*two_topics(), small_config(seeds=(3,)))

    assert [split.seed for split in both.splits] == [5, 3]
    assert both.splits[1].metrics == alone.splits[0].metrics


def test_processes_give_the_same_figures_as_none() -> None:
    config = small_config(seeds=(0, 1))
    calls: list[tuple[int, int]] = []

    spread = evaluate(
        *two_topics(),
        replace(config, n_processes=2),
        lambda done, total: calls.append((done, total)),
    )

    assert metrics_json(spread) == metrics_json(evaluate(*two_topics(), config))
    assert calls == [(1, 2), (2, 2)]


def test_the_number_of_processes_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(400, 64)), rng.random((400, 6)), rng.random((400, 6))]
    unknown = np.full((400, 6), np.nan)
    dataset = RoutingDataset(
        queries=tuple(map(str, range(400))),
        datasets=("one",) * 400,
        models=tuple("abcdef"),
        score=data[1],
        cost_usd=data[2],
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )
    vectors = unit_rows(data[0].astype(np.float32))
    config = replace(
        small_config(seeds=(0, 1, 2), methods=default_methods()),
        kmeans=KMeans(n_clusters=8, n_init=1),
    )

    one, three = (
        evaluate(dataset, vectors, replace(config, n_processes=n)) for n in (1, 3)
    )

    assert metrics_json(one) == metrics_json(three)
    for left, right in zip(one.splits, three.splits, strict=True):
        assert (left.centroids == right.centroids).all()
        for name, curve in left.curves.items():
            assert (curve.share == right.curves[name].share).all()


def test_held_out_rows_with_a_gap_are_counted_and_not_judged() -> None:
    dataset, vectors = two_topics()
    score = dataset.score.copy()
    score[::4, 2] = np.nan

    split = evaluate(
        replace(dataset, score=score), vectors, small_config(seeds=(0,))
    ).splits[0]

    assert split.n_test == 12
    assert 0 < split.n_skipped < 12
    assert split.singles["small"].accuracy.tolist() == [0.0]
    assert (split.collections, split.unjudged) == (("code", "maths"), ())


def test_a_collection_of_which_every_row_has_a_gap_is_named() -> None:
    dataset, vectors = two_topics()
    score = dataset.score.copy()
    score[20:, 2] = np.nan

    result = evaluate(replace(dataset, score=score), vectors, small_config())

    assert [split.unjudged for split in result.splits] == [("maths",)] * 2
    assert result.unjudged == {"maths": 2}
    assert (result.n_judged, result.n_skipped) == (12, 12)


def test_what_a_method_cannot_be_fitted_on_is_bad_input() -> None:
    class Picky:
        def fit(self, training: Training) -> Router:
            raise ValueError("cost_scale_usd: not finite everywhere")

    config = replace(small_config(), methods={"picky": Picky()})

    with pytest.raises(BadInput, match="cost_scale_usd: not finite"):
        evaluate(*two_topics(), config)


def test_too_few_queries_for_the_clusters_is_bad_input() -> None:
    config = replace(small_config(), kmeans=KMeans(n_clusters=N))

    with pytest.raises(BadInput, match="seed 0: 28 queries cannot make 40 clusters"):
        evaluate(*two_topics(), config)


def test_alphas_are_finer_where_cheap_models_are_told_apart() -> None:
    assert (ALPHAS[0], ALPHAS[1], ALPHAS[-1]) == (0.0, 0.001, 1.0)
    assert len(ALPHAS) == len(set(ALPHAS)) == 191
    assert list(ALPHAS) == sorted(ALPHAS)


@pytest.fixture
def artifact() -> RoutingArtifact:
    config = FitConfig(
        kmeans=KMeans(n_clusters=2, n_init=2),
        policy=PaperPolicy(n_nearest_clusters=1),
    )
    return fit_artifact(*two_topics(), SPEC, config).artifact


def test_an_artifact_is_judged_as_the_same_fit_in_an_evaluation(
    artifact: RoutingArtifact,
) -> None:
    dataset, vectors = two_topics()
    _, test_rows = dataset.split(0.7, 0)

    split = judge(
        artifact, dataset.take(test_rows), vectors[test_rows], alphas=(0.0, 0.5, 1.0)
    )

    config = small_config(seeds=(0,), served="paper")
    expected = evaluate(dataset, vectors, config).splits[0]
    assert "as-served" in split.metrics
    assert split.metrics == expected.metrics
    assert split.single_metrics == expected.single_metrics
    assert split.best_single == expected.best_single


def test_metrics_of_an_artifact_can_be_stored_as_json(
    artifact: RoutingArtifact,
) -> None:
    dataset, vectors = two_topics()

    metrics = judge(artifact, dataset, vectors).metrics

    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_records_of_more_models_are_judged_on_those_of_the_artifact(
    artifact: RoutingArtifact,
) -> None:
    dataset, vectors = two_topics()
    wider = replace(
        dataset,
        models=(*MODELS, "unknown"),
        **{
            name: np.column_stack([getattr(dataset, name), np.full(N, 0.5)])
            for name in ("score", "cost_usd", "prompt_tokens", "completion_tokens")
        },
    )

    assert tuple(judge(artifact, wider, vectors).singles) == MODELS


def test_records_that_lack_a_model_of_the_artifact_are_bad_input(
    artifact: RoutingArtifact,
) -> None:
    dataset, vectors = two_topics()

    with pytest.raises(BadInput, match="lack models of the artifact: small"):
        judge(artifact, dataset.with_models(MODELS[:2]), vectors)
