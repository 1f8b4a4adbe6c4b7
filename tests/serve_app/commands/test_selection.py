"""Some of the models: their columns, and the queries that tell of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from artifacts.errors import BadInput
from artifacts.records import RecordReader
from serve_app.commands.selection import with_models
from tests.serve_app.commands.test_commands import avengers, record


def of_another_model(i: int) -> str:
    """Of the same collection, but only `c` was asked."""
    usages = {"c": {"cost": 0.2}}
    line = {"query": f"Who ruled in {i}?", "records": {"c": 1}, "usages": usages}
    return json.dumps(line)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "alone.jsonl"
    path.write_text("\n".join(record(i) for i in range(40)))
    return path


@pytest.fixture(scope="module")
def mixed(alone: Path) -> Path:
    path = alone.with_name("mixed.jsonl")
    others = "\n".join(of_another_model(i) for i in range(80))
    path.write_text(f"{alone.read_text()}\n{others}")
    return path


def test_queries_that_tell_of_none_of_the_models_are_left_out(
    alone: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = RecordReader(allow_gaps=True).read([mixed])

    chosen = with_models(whole, "b, a")

    assert chosen.digest == RecordReader().read([alone]).digest
    assert capsys.readouterr().err == ""
    assert with_models(whole, None) is whole


def test_a_collection_of_which_nothing_is_left_is_named(
    mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = RecordReader(allow_gaps=True).read([mixed])
    names = ("made", *whole.datasets[1:-80], *["history"] * 80)
    with_models(replace(whole, datasets=names), "a,b")

    said = "--models: left out history: none of these models was measured there\n"
    assert capsys.readouterr().err == said


def test_a_model_without_records_is_named(alone: Path) -> None:
    with pytest.raises(BadInput, match="no records of 'z'; there are a, b"):
        with_models(RecordReader().read([alone]), "a,z")


def test_records_of_other_models_take_no_clusters(
    alone: Path, mixed: Path, tmp_path: Path
) -> None:
    some = ("--models", "a,b", "--allow-gaps")
    runs = [
        avengers("fit", alone, "-o", tmp_path / "alone", "--clusters", 4),
        avengers("fit", mixed, "-o", tmp_path / "mixed", "--clusters", 4, *some),
    ]

    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    first, second = (
        json.loads((tmp_path / name / "manifest.json").read_text())
        for name in ("alone", "mixed")
    )
    assert second["provenance"]["queries"] == {"default": 40}
    for name in ("digest", "n_train", "n_test"):
        assert second["provenance"][name] == first["provenance"][name]
