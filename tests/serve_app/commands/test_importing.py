"""`avengers import` as users see it: records, a table, one line for bad input."""

import csv
import json
import os
import sys
from pathlib import Path

import pytest

from artifacts.records import RecordReader
from serve_app.cli import main
from tests.inspect_runs import make_logs

LINE = {
    "query": "6 × 7?",
    "dataset": "sums",
    "index": 1,
    "records": {"a": 1.0, "b": 0.0},
    "usages": {
        "a": {"prompt_tokens": 1000, "completion_tokens": 10, "cost": 0.5},
        "b": {"prompt_tokens": 1000, "completion_tokens": 10, "cost": 0.25},
    },
}
GAP = LINE | {"query": "6 + 7?", "index": 2, "records": {"a": 1.0, "b": None}}
UNPRICED = LINE | {"usages": LINE["usages"] | {"b": {"prompt_tokens": 9}}}


@pytest.fixture
def avengers(monkeypatch, capsys):
    """Runs the command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["avengers", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        return stopped.value.code or 0, said.out, said.err

    return run


def jsonl(path, *lines):
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_records_are_written_and_gaps_are_shown_in_a_table(avengers, tmp_path):
    source, out = jsonl(tmp_path / "theirs.jsonl", LINE, GAP), tmp_path / "r.jsonl.xz"

    code, said, _ = avengers("import", "avengers-pro", source, "-o", out)

    assert code == 0
    assert "2 / 2" in said
    assert "1 / 2" in said
    assert "skipped, no score: 1" in said
    assert "gaps: 1 (fit needs --allow-gaps)" in said
    dataset = RecordReader(allow_gaps=True).read([out])
    assert dataset.score.tolist()[0] == [1, 0]
    assert str(dataset.score[1, 1]) == "nan"


def test_a_name_that_is_not_utf_8_is_told_and_no_traceback(avengers, tmp_path):
    source = jsonl(tmp_path / "theirs.jsonl", LINE)
    out = tmp_path / os.fsdecode(b"caf\xe9.jsonl")

    code, said, _ = avengers("import", "avengers-pro", source, "-o", out)

    assert code == 0
    assert said.startswith(rf"wrote {tmp_path}/caf\udce9.jsonl: 1 queries")


def test_a_wide_coverage_is_shown_in_parts(avengers, tmp_path):
    models = [f"model-{n}" for n in range(8)]
    usages = {model: {"cost": 1} for model in models}
    lines = [
        LINE | {"dataset": f"set-{n}", "records": dict.fromkeys(models, 1)}
        for n in range(9)
    ]
    source = jsonl(tmp_path / "x.jsonl", *(line | {"usages": usages} for line in lines))

    _, said, _ = avengers("import", "avengers-pro", source, "-o", tmp_path / "r.jsonl")

    assert said.count("1 / 1") == 72
    assert said.count("set-8") == 2


def test_names_in_brackets_are_shown_as_they_are(avengers, tmp_path):
    models = ["qwen3[fast]", "qwen3[/thinking]", "x:free:"]
    usages = {model: {"cost": 1} for model in models}
    line = LINE | {"dataset": "sums[long]", "records": dict.fromkeys(models, 1)}
    source = jsonl(tmp_path / "x.jsonl", line | {"usages": usages})

    code, said, _ = avengers("import", "avengers-pro", source, "-o", tmp_path / "r")

    assert code == 0
    assert all(name in said for name in [*models, "sums[long]"])


def test_as_json_the_coverage_is_for_a_script(avengers, tmp_path):
    source = jsonl(tmp_path / "theirs.jsonl", LINE, GAP)

    command = ("import", "avengers-pro", source, "-o", tmp_path / "r.jsonl", "--json")
    _, said, _ = avengers(*command)

    coverage = json.loads(said)
    assert coverage["queries"] == {"sums": 2}
    assert coverage["scored"] == {"a": {"sums": 2}, "b": {"sums": 1}}
    assert coverage["gaps"] == 1


def catalog(path, model):
    """A Serve configuration in which `model` costs 1 USD a million in, 2 out."""
    import yaml

    from serve_app.commands.serve import LOCAL_CONFIG

    config = yaml.safe_load(LOCAL_CONFIG.read_text(encoding="utf-8"))
    models = config["applications"][0]["args"]["catalog"]["models"]
    price = {"input_usd_per_token": 1e-6, "output_usd_per_token": 2e-6}
    models.append(models[0] | {"id": model, "price": price})
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def test_a_missing_cost_comes_from_the_catalog(avengers, tmp_path):
    usages = {"a": {"cost": 1}, "b": {"prompt_tokens": 1e6, "completion_tokens": 1e6}}
    source = jsonl(tmp_path / "theirs.jsonl", LINE | {"usages": usages})
    prices, out = catalog(tmp_path / "serve.yaml", "b"), tmp_path / "r.jsonl"

    command = ("import", "avengers-pro", source, "-o", out, "--catalog", prices)
    _, said, _ = avengers(*command)

    assert "costs estimated from tokens and the catalog: 1" in said
    assert json.loads(out.read_text())["usages"]["b"]["cost"] == pytest.approx(3)


def test_costs_that_the_source_states_are_not_called_estimates(avengers, tmp_path):
    source, out = jsonl(tmp_path / "theirs.jsonl", LINE), tmp_path / "r.jsonl"
    prices = catalog(tmp_path / "serve.yaml", "b")

    command = ("import", "avengers-pro", source, "-o", out, "--catalog", prices)
    _, said, _ = avengers(*command)

    assert "estimated" not in said + out.read_text()


def test_a_cost_that_nobody_knows_may_become_a_gap(avengers, tmp_path):
    source, out = jsonl(tmp_path / "theirs.jsonl", UNPRICED), tmp_path / "r.jsonl"
    command = ("import", "avengers-pro", source, "-o", out)

    code, _, said = avengers(*command)
    dropped, table, _ = avengers(*command, "--drop-unpriced")

    assert (code, dropped) == (2, 0)
    assert f"{source}:1: cost of 'b': missing" in said
    assert "skipped, cost missing" in table
    assert json.loads(out.read_text())["records"] == {"a": 1}


def test_models_are_renamed(avengers, tmp_path):
    source, out = jsonl(tmp_path / "theirs.jsonl", LINE), tmp_path / "r.jsonl"

    avengers("import", "avengers-pro", source, "-o", out, "--model-name", "a=org/a")

    assert json.loads(out.read_text())["records"] == {"b": 0, "org/a": 1}


@pytest.mark.parametrize("pair", ["a", "=b", "a=", "z=b"])
def test_a_name_that_cannot_be_replaced_is_an_error(avengers, tmp_path, pair):
    source, out = jsonl(tmp_path / "theirs.jsonl", LINE), tmp_path / "r.jsonl"

    command = ("import", "avengers-pro", source, "-o", out, "--model-name", pair)
    code, _, said = avengers(*command)

    assert code == 2
    assert said.startswith("avengers: --model-name")
    assert not out.exists()


def wide(path, score):
    head = ["sample_id", "prompt", "eval_name", "m", "m|model_response", "m|total_cost"]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, ["s.1", "6 × 7?", "sums", score, "42", 0.1]])
    return path


def tree(path, score):
    record = {"index": 1, "origin_query": "6 × 7?", "score": score, "cost": 0.1}
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"records": [record]}))
    return path


PLACE = "aime/test/m/20251001_000000.json"
BAD = {
    "avengers-pro": (
        lambda path: jsonl(path / "x.jsonl", LINE, GAP | {"records": {"a": 2}}),
        "x.jsonl:2: records.a: score 2 is outside [0, 1]",
    ),
    "routerbench": (
        lambda path: wide(path / "x.csv", "two"),
        "x.csv: row 1: m: 'two' is not a number",
    ),
    "llmrouterbench": (
        lambda path: tree(path / PLACE, -1),
        f"{PLACE}: record 1: score: score -1 is outside [0, 1]",
    ),
    "inspect": (
        lambda path: tree(path / "x" / "x.json", 1),
        "x/x.json: not an Inspect log",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line_and_leaves_what_was_there(avengers, tmp_path, kind):
    make, what = BAD[kind]
    source, out = make(tmp_path), tmp_path / "r.jsonl.gz"
    out.write_bytes(b"kept")
    before = {path.name for path in tmp_path.iterdir()}

    code, said, error = avengers("import", kind, source, "-o", out)

    assert (code, said) == (2, "")
    assert error.startswith(f"avengers: {tmp_path}/")
    assert what in error
    assert error.count("\n") == 1
    assert out.read_bytes() == b"kept"
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("kind", BAD)
def test_a_source_that_is_not_there_is_one_line(avengers, tmp_path, kind):
    name = "no.csv" if kind == "routerbench" else "no.json"

    code, _, error = avengers("import", kind, tmp_path / name, "-o", tmp_path / "r")

    assert code == 2
    assert error == f"avengers: {tmp_path / name}: No such file or directory\n"


def test_a_format_that_is_not_known_is_an_error(avengers, tmp_path):
    code, _, error = avengers("import", "helm", tmp_path, "-o", tmp_path / "r.jsonl")

    assert code == 2
    assert "'helm' is not one of" in error


def test_an_extra_that_is_not_installed_is_named(avengers, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "x.parquet").write_bytes(b"")

    command = ("import", "routerbench", tmp_path / "x.parquet", "-o", tmp_path / "r")
    code, _, error = avengers(*command)

    assert code == 2
    assert "pyarrow: install the extra 'import'" in error
    assert "pip install -e '.[import]'" in error


def test_inspect_s_logs_become_records_that_can_be_fitted(avengers, tmp_path):
    logs = make_logs(tmp_path / "logs", "pair") / "pair"
    prices, out = catalog(tmp_path / "serve.yaml", "strong"), tmp_path / "r.jsonl"
    names = ("--model-name", "mockllm/strong=strong", "--drop-unpriced")

    command = ("import", "inspect", logs, "-o", out, "--catalog", prices, *names)
    code, said, _ = avengers(*command)

    assert code == 0
    assert "skipped, sample error: 1" in said
    dataset = RecordReader(allow_gaps=True).read([Path(out)])
    assert dataset.models == ("strong",)
    assert dataset.score.tolist() == [[1], [1], [1]]
