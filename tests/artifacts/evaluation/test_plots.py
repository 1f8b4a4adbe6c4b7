"""The figures. Whether they are good to look at, only eyes can tell."""

import sys
from pathlib import Path

import numpy as np
import pytest

from artifacts.evaluation.cluster_map import plot_cluster_map, project
from artifacts.clustering import KMeans, unit_rows
from artifacts.errors import BadInput
from artifacts.evaluation.judging import EvaluationResult, evaluate
from artifacts.evaluation.plots import write_figures
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
        write_figures(result, tmp_path / name, "paper")

    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == list(FIGURES)
    for name in FIGURES:
        image = (tmp_path / "first" / name).read_bytes()
        assert image.startswith(PNG)
        assert image == (tmp_path / "second" / name).read_bytes()


def test_one_split_is_drawn_without_a_band(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    alone = evaluate(*two_topics(), small_config(seeds=(0,)))

    write_figures(alone, tmp_path, "paper")

    assert (tmp_path / "alpha.png").read_bytes().startswith(PNG)


def test_a_free_model_does_not_break_the_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    dataset, vectors = two_topics()
    dataset.cost_usd[:, 2] = 0

    write_figures(evaluate(dataset, vectors, small_config()), tmp_path, "paper")

    assert (tmp_path / "accuracy-cost.png").read_bytes().startswith(PNG)


def test_without_matplotlib_the_message_says_what_to_install(
    result: EvaluationResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(BadInput, match=r"matplotlib: install the extra 'train'"):
        write_figures(result, tmp_path, "paper")


def test_cluster_map_is_drawn_for_real_clusters(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    dataset, vectors = two_topics()
    centroids = unit_rows(KMeans(n_clusters=2).fit(vectors).means)

    plot_cluster_map(dataset, vectors, centroids, tmp_path / "clusters.png")

    assert (tmp_path / "clusters.png").read_bytes().startswith(PNG)


def test_projection_is_onto_the_directions_of_greatest_variance() -> None:
    rows = np.array([[3, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]], dtype=np.float32)

    plane, middle = project(rows)

    np.testing.assert_allclose(plane, [[1, 0], [0, 1], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(middle, [[0, 0, 0]], atol=1e-12)
