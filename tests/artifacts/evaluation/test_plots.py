"""The figures. Whether they are good to look at, only eyes can tell."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from artifacts.clustering import KMeans, unit_rows
from artifacts.errors import BadInput
from artifacts.evaluation import alpha_plots, cluster_map
from artifacts.evaluation.averages import AverageCurve
from artifacts.evaluation.canvas import Label, drawing, label_points
from artifacts.evaluation.cluster_map import plot_cluster_map
from artifacts.evaluation.judging import evaluate
from artifacts.evaluation.plots import write_figures
from artifacts.evaluation.results import EvaluationResult
from artifacts.paper.published import load_published
from tests.artifacts.evaluation.split_data import small_config, two_topics

FIGURES = ("accuracy-cost.png", "alpha.png", "shares.png")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def result() -> EvaluationResult:
    return evaluate(*two_topics(), small_config(seeds=(0, 1)))


def test_figures_are_png_and_the_same_every_time(
    result: EvaluationResult, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    for name in ("first", "second"):
        write_figures(result, tmp_path / name, ["paper"])

    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == list(FIGURES)
    for name in FIGURES:
        image = (tmp_path / "first" / name).read_bytes()
        assert image.startswith(PNG)
        assert image == (tmp_path / "second" / name).read_bytes()


def test_one_split_is_drawn_without_a_band(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    alone = evaluate(*two_topics(), small_config(seeds=(0,)))

    write_figures(alone, tmp_path, ["paper"])

    assert (tmp_path / "alpha.png").read_bytes().startswith(PNG)


def test_dollars_in_names_are_no_formula(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    dataset, vectors = two_topics()
    names = {"code": "$_$", "maths": "$^$"}
    named = replace(
        dataset,
        models=("a$_$", "b$^$", "c$\\$"),
        datasets=tuple(names[name] for name in dataset.datasets),
    )
    found = evaluate(named, vectors, small_config())

    write_figures(found, tmp_path, ["paper"])
    plot_cluster_map(named, vectors, found.splits[0].centroids, tmp_path / "map.png")

    assert (tmp_path / "map.png").read_bytes().startswith(PNG)


def test_a_free_model_does_not_break_the_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    dataset, vectors = two_topics()
    dataset.cost_usd[:, 2] = 0

    write_figures(evaluate(dataset, vectors, small_config()), tmp_path, ["paper"])

    assert (tmp_path / "accuracy-cost.png").read_bytes().startswith(PNG)


def test_without_matplotlib_the_message_says_what_to_install(
    result: EvaluationResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(BadInput, match=r"matplotlib: install the extra 'train'"):
        write_figures(result, tmp_path, ["paper"])


def test_cluster_map_is_drawn_for_real_clusters(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    dataset, vectors = two_topics()
    centroids = unit_rows(KMeans(n_clusters=2).fit(vectors).means)

    plot_cluster_map(dataset, vectors, centroids, tmp_path / "clusters.png")

    assert (tmp_path / "clusters.png").read_bytes().startswith(PNG)


def test_a_cluster_map_shows_a_sample_of_many_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    monkeypatch.setattr(cluster_map, "_MAX_DOTS", 15)
    dataset, vectors = two_topics()
    centroids = unit_rows(KMeans(n_clusters=2).fit(vectors).means)

    plot_cluster_map(dataset, vectors, centroids, tmp_path / "clusters.png")

    assert (tmp_path / "clusters.png").read_bytes().startswith(PNG)


def test_published_points_are_drawn_beside_ours_and_alone(
    result: EvaluationResult, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    write_figures(result, tmp_path, ["paper"], load_published("paper"))

    plain = (tmp_path / "accuracy-cost.png").read_bytes()
    assert (tmp_path / "published.png").read_bytes().startswith(PNG)
    assert (tmp_path / "beside-published.png").read_bytes() != plain


def test_further_methods_have_figures_of_their_own(
    result: EvaluationResult, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    write_figures(result, tmp_path, ["paper", "oracle"])

    assert (tmp_path / "alpha-oracle.png").exists()
    assert (tmp_path / "shares-oracle.png").exists()


def test_labels_keep_clear_of_each_other(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    x, y = np.array([0.0, 0.01, 1.0]), np.array([0.0, 0.0, 1.0])

    with drawing(tmp_path / "labels.png", 3.0) as figure:
        axes = figure.add_subplot()
        axes.scatter(x, y)
        label_points(axes, x, y, [Label(f"model {i}") for i in range(3)])
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in axes.texts]

    assert len(boxes) == 3
    assert not any(a.overlaps(b) for a in boxes for b in boxes if a is not b)


def test_models_that_hardly_answer_share_a_colour() -> None:
    share = np.array([[0.995, 0.0, 0.005], [0.3, 0.7, 0.0]])
    nothing = np.zeros(2)
    alpha = np.array([0.0, 1.0])
    curve = AverageCurve(alpha, *[nothing] * 5, share)

    assert alpha_plots._shown(curve) == [0, 1]
