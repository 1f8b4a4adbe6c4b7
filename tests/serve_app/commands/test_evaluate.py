"""`avengers evaluate`: its folder, its figures, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest

from artifacts.evaluation.narrative import FIGURES
from tests.artifacts.hand_made import bundled
from tests.serve_app.commands.test_commands import avengers, record, without

OPTIONS = ("--seeds", 2, "--clusters", 4)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "r.jsonl"
    path.write_text("\n".join(record(i) for i in range(40)))
    return path


def test_the_folder_holds_figures_tables_and_the_report(
    records: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")

    run = avengers(
        "evaluate", records, "-o", tmp_path / "r", *OPTIONS, "--published", "paper"
    )

    assert run.returncode == 0, run.stderr
    names = {path.name for path in (tmp_path / "r").iterdir()}
    tables = {"metrics.json", "curves.csv", "shares.csv", "singles.csv", "report.md"}
    assert names == tables | FIGURES.keys()
    report = (tmp_path / "r/report.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in report for name in FIGURES)


def test_the_number_of_workers_changes_no_figure(records: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        out = tmp_path / str(workers)
        run = avengers("evaluate", records, "-o", out, *OPTIONS, "--workers", workers)
        assert run.returncode == 0, run.stderr

    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes(), path


def test_the_splits_are_those_of_the_encoder_that_is_named(
    records: Path, tmp_path: Path
) -> None:
    encoder, vectors = tmp_path / "encoder", tmp_path / "vectors"
    shutil.copytree(bundled() / "encoder", encoder)
    described = encoder / "encoder.json"
    spec = json.loads(described.read_text()) | {"max_tokens": 8}
    described.write_text(json.dumps(spec))
    told = ("--encoder", encoder, "--embeddings", vectors)

    run = avengers("evaluate", records, "-o", tmp_path / "r", *OPTIONS, *told)

    assert run.returncode == 0, run.stderr
    assert json.loads((vectors / "vectors.json").read_text())["encoder"] == spec


def test_records_on_which_nothing_can_be_judged_are_refused_before_the_embedding(
    records: Path, tmp_path: Path
) -> None:
    artifact, poor, vectors = tmp_path / "a", tmp_path / "p.jsonl", tmp_path / "vectors"
    avengers("fit", records, "-o", artifact, "--clusters", 4)
    poor.write_text("\n".join(without("b", record(i)) for i in range(40, 60)))
    apart = tmp_path / "apart.jsonl"
    apart.write_text("\n".join(without("ab"[i % 2], record(i)) for i in range(40)))
    told = ("-o", tmp_path / "r", "--embeddings", vectors)

    judged = avengers("evaluate", poor, *told, "--artifact", artifact)
    split = avengers("evaluate", apart, *told, *OPTIONS, "--allow-gaps")

    assert (judged.returncode, split.returncode) == (2, 2)
    assert "the records lack models of the artifact: b" in judged.stderr
    assert "no held-out query on which every model was measured" in split.stderr
    assert not vectors.exists()


def of_collection(name: str, line: str) -> str:
    return json.dumps(json.loads(line) | {"dataset": name})


def test_what_gaps_leave_without_a_figure_is_named(tmp_path: Path) -> None:
    records = tmp_path / "r.jsonl"
    lines = [record(i) for i in range(40)]
    lines += [of_collection("law", without("b", record(i))) for i in range(40, 60)]
    records.write_text("\n".join(lines))
    told = (*OPTIONS, "--allow-gaps")

    judged = avengers("evaluate", records, "-o", tmp_path / "r", *told)
    fitted = avengers("fit", records, "-o", tmp_path / "a", *OPTIONS[2:], told[-1])

    assert (judged.returncode, fitted.returncode) == (0, 0), judged.stderr
    assert "left out 12 of 36 held-out rows: some model was not" in judged.stderr
    assert "No figure rests on law: there is no held-out row there" in judged.stderr
    assert "held-out metrics rest on none of law: no held-out query" in fitted.stderr
    metrics = json.loads((tmp_path / "r/metrics.json").read_text())
    left_out = [split["collections_left_out"] for split in metrics["held_out"]]
    assert left_out == [["law"], ["law"]]


def test_a_mean_of_some_of_the_seeds_is_marked_in_the_table(tmp_path: Path) -> None:
    # `a` is right on a few less than `b`: on some splits, by chance, on as many.
    lines = []
    for i in range(100):
        line = json.loads(record(i))
        line["records"] = {"a": i // 2 % 2 * (i >= 10), "b": i % 2}
        lines.append(json.dumps(line))
    records = tmp_path / "r.jsonl"
    records.write_text("\n".join(lines))

    run = avengers("evaluate", records, "-o", tmp_path / "r", *OPTIONS, "--seeds", 6)

    assert run.returncode == 0, run.stderr
    methods = json.loads((tmp_path / "r/metrics.json").read_text())["methods"]
    figure = methods["cheapest"]["cost_to_match_best"]
    known = sum(value is not None for value in figure["values"])
    assert 0 < known == figure["n"] < 6
    (row,) = (line for line in run.stdout.splitlines() if "cheapest" in line)
    assert f"({known})" in row
    assert "(n): of n seeds only" in run.stdout


def test_an_artifact_is_judged_on_other_records_but_not_on_its_own(
    records: Path, tmp_path: Path
) -> None:
    others = tmp_path / "others.jsonl"
    others.write_text("\n".join(record(i) for i in range(40, 60)))
    artifact = tmp_path / "a"
    fitted = avengers("fit", records, "-o", artifact, "--clusters", 4)

    own = avengers("evaluate", records, "-o", tmp_path / "r", "--artifact", artifact)
    judged = avengers("evaluate", others, "-o", tmp_path / "r", "--artifact", artifact)

    assert fitted.returncode == 0, fitted.stderr
    assert own.returncode == 2
    assert "it was fitted on these very records" in own.stderr
    assert judged.returncode == 0, judged.stderr
    metrics = json.loads((tmp_path / "r/metrics.json").read_text())
    assert len(metrics["seeds"]) == 1
    names = {"calibrated", "as-served", "best-single", "oracle"}
    assert names <= metrics["methods"].keys()


def test_its_own_records_are_refused_whatever_other_models_they_tell_of(
    tmp_path: Path,
) -> None:
    lines = []
    for i in range(40):
        line = json.loads(record(i))
        line["records"]["c"], line["usages"]["c"] = 1, line["usages"]["a"]
        lines.append(json.dumps(line))
    records, artifact = tmp_path / "r.jsonl", tmp_path / "a"
    records.write_text("\n".join(lines))
    fitted = avengers(
        "fit", records, "-o", artifact, "--clusters", 4, "--models", "a,b"
    )

    run = avengers("evaluate", records, "-o", tmp_path / "r", "--artifact", artifact)

    assert fitted.returncode == 0, fitted.stderr
    assert run.returncode == 2
    assert "it was fitted on these very records" in run.stderr
    assert not (tmp_path / "r").exists()


def test_an_artifact_whose_encoder_is_another_is_not_judged(
    records: Path, tmp_path: Path
) -> None:
    others, artifact = tmp_path / "others.jsonl", tmp_path / "a"
    others.write_text("\n".join(record(i) for i in range(40, 60)))
    avengers("fit", records, "-o", artifact, "--clusters", 4)
    described = artifact / "encoder/encoder.json"
    spec = json.loads(described.read_text())
    described.write_text(json.dumps(spec | {"max_tokens": 8}))

    run = avengers("evaluate", others, "-o", tmp_path / "r", "--artifact", artifact)

    assert run.returncode == 2
    assert "max_tokens: 256 != 8" in run.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("option", ["--seeds", "--clusters", "--workers", "--encoder"])
def test_what_only_a_fit_uses_is_refused_with_an_artifact(
    records: Path, tmp_path: Path, option: str
) -> None:
    out, artifact = tmp_path / "r", tmp_path / "a"
    run = avengers("evaluate", records, "-o", out, "--artifact", artifact, option, 7)

    assert run.returncode == 2
    assert run.stderr == f"avengers: {option}: nothing is fitted with --artifact\n"


def test_prices_of_a_catalog_fill_in_missing_costs(tmp_path: Path) -> None:
    models = "openai/gpt-5-medium", "qwen/qwen3-235b-a22b-2507"
    lines = []
    for i in range(40):
        line = json.loads(record(i))
        usage = {"prompt_tokens": 9, "completion_tokens": 9}
        line["records"] = {models[0]: 1, models[1]: i % 2}
        line["usages"] = dict.fromkeys(models, usage)
        lines.append(json.dumps(line))
    records = tmp_path / "r.jsonl"
    records.write_text("\n".join(lines))
    catalog = Path(__file__).parents[3] / "serve_app/catalogs/paper.yaml"

    run = avengers(
        "evaluate", records, "-o", tmp_path / "r", *OPTIONS, "--catalog", catalog
    )

    assert run.returncode == 0, run.stderr
    singles = json.loads((tmp_path / "r/metrics.json").read_text())["singles"]
    # (0.13 + 0.6) / (1.25 + 10) of the price of the best: it never matches it.
    assert singles[models[1]]["cost_to_match_best"]["mean"] is None
    assert singles[models[0]]["cost_to_match_best"]["mean"] == 1.0


def test_an_unknown_published_table_is_a_usage_error(
    records: Path, tmp_path: Path
) -> None:
    run = avengers("evaluate", records, "-o", tmp_path / "r", "--published", "x")

    assert run.returncode == 2
    assert "'--published'" in run.stderr
    assert not (tmp_path / "r").exists()
