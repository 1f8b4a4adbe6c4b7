"""`avengers` in a process of its own: exit codes and single lines."""

import json
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import serve_app

ROOT = Path(__file__).parents[3]
MAIN = "from serve_app.cli import main; main()"


def avengers(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def record(i: int) -> str:
    usage = {"prompt_tokens": 9, "completion_tokens": 9}
    return json.dumps(
        {
            "query": f"What is {i} times {i + 1}?",
            "records": {"a": i % 2, "b": 1},
            "usages": {"a": {**usage, "cost": 0.1}, "b": {**usage, "cost": 0.3}},
            "index": i,
        }
    )


def test_the_version_is_what_the_project_is_built_as():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run = avengers("--version")

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"avengers-serve {serve_app.__version__}\n"
    assert project["project"]["dynamic"] == ["version"]
    assert (ROOT / project["tool"]["hatch"]["version"]["path"]).samefile(
        serve_app.__file__
    )


def test_fit_inspect_and_evaluate(tmp_path):
    records = tmp_path / "r.jsonl"
    records.write_text("\n".join(record(i) for i in range(40)))
    options = ("--clusters", 4, "--policy", "paper")
    fitted = avengers("fit", records, "-o", tmp_path / "a", *options)
    shown = avengers("inspect", tmp_path / "a", "--json")
    judged = avengers(
        "evaluate", records, "-o", tmp_path / "r", "--seeds", 2, "--clusters", 4
    )

    assert (fitted.returncode, shown.returncode, judged.returncode) == (0, 0, 0)
    assert "100.0 %" in fitted.stdout  # as evaluate writes it
    assert json.loads(shown.stdout)["policy"]["kind"] == "paper"
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["seeds"] == [0, 1]
    assert {"paper", "calibrated", "oracle"} <= metrics["methods"].keys()


def without(model: str, line: str) -> str:
    data = json.loads(line)
    del data["records"][model], data["usages"][model]
    return json.dumps(data)


def test_records_of_models_that_never_met_make_an_artifact_without_metrics(tmp_path):
    records, out = tmp_path / "r.jsonl", tmp_path / "a"
    records.write_text("\n".join(without("ab"[i % 2], record(i)) for i in range(40)))

    run = avengers("fit", records, "-o", out, "--clusters", 4, "--allow-gaps")

    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith("no held-out metrics: no held-out query on which")
    shown = avengers("inspect", out, "--json")
    assert json.loads(shown.stdout)["metrics"] == {}


def test_metrics_of_records_with_gaps_are_not_said_to_be_of_all_queries(tmp_path):
    records, out = tmp_path / "r.jsonl", tmp_path / "a"
    lines = [without("b", record(i)) if i % 4 else record(i) for i in range(60)]
    records.write_text("\n".join(lines))

    run = avengers("fit", records, "-o", out, "--clusters", 4, "--allow-gaps")

    assert run.returncode == 0, run.stderr
    assert "Of 18 held-out queries, those of all models, seed 0" in run.stdout


def test_a_bad_line_writes_nothing_and_leaves_what_was_there(tmp_path):
    records = tmp_path / "r.jsonl"
    records.write_text("\n".join(record(i) for i in range(40)) + "\n{\n")
    existing = tmp_path / "a"
    existing.mkdir()
    (existing / "manifest.json").write_text("kept")

    run = avengers("fit", records, "-o", existing, "--clusters", 4)

    assert run.returncode == 2
    assert run.stderr.startswith(f"avengers: {records}:41: not JSON")
    assert run.stderr.count("\n") == 1
    assert (existing / "manifest.json").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_an_output_that_cannot_be_written_is_told_before_the_work(tmp_path, command):
    (tmp_path / "file").write_text("mine")

    run = avengers(command, tmp_path / "unread.jsonl", "-o", tmp_path / "file" / "a")

    assert run.returncode == 2
    what = f"{tmp_path}/file/a: it cannot be written: Not a directory"
    assert run.stderr == f"avengers: {what}\n"


@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_a_directory_that_is_not_ours_is_not_replaced(tmp_path, command):
    (tmp_path / "thesis.tex").write_text("mine")

    run = avengers(command, tmp_path / "r.jsonl", "-o", tmp_path)

    assert run.returncode == 2
    assert "will not be replaced" in run.stderr
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    ("command", "marker"), [("fit", "manifest.json"), ("evaluate", "metrics.json")]
)
def test_a_common_name_in_a_directory_does_not_make_it_ours(tmp_path, command, marker):
    records, out = tmp_path / "r.jsonl", tmp_path / "experiment"
    records.write_text("\n".join(record(i) for i in range(40)))
    out.mkdir()
    (out / marker).write_text("{}")
    (out / "model.pt").write_text("a week of training")

    run = avengers(command, records, "-o", out, "--clusters", 4)

    assert run.returncode == 2
    what = "it holds 'model.pt', which is not ours: it will not be replaced"
    assert run.stderr == f"avengers: {out}: {what}\n"
    assert (out / "model.pt").read_text() == "a week of training"


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("inspect", "/no/such"), 2, "/no/such/manifest.json: No such file"),
        (("fit", "/no/such.jsonl", "-o", "x"), 2, "/no/such.jsonl: No such file"),
        (("route", "hi", "--alpha", "1.5"), 2, "Invalid value for '--alpha'"),
        (("route", "hi", "--alpha", "nan"), 2, "Invalid value for '--alpha'"),
        (("serve", "--port", "99999"), 2, "Invalid value for '--port'"),
        (("fit", "r.jsonl", "-o", "x", "--seed", "-1"), 2, "value for '--seed'"),
        (("fit", "r.jsonl", "-o", "x", "--seed", "2147483648"), 2, "for '--seed'"),
        (("serve", "--config", "/no/such.yaml"), 2, "/no/such.yaml: No such file"),
    ],
)
def test_bad_input_is_one_exit_code(arguments, code, what):
    run = avengers(*arguments)

    assert run.returncode == code
    assert what in run.stderr
    assert "Traceback" not in run.stderr


SERVE_YAML = """\
applications:
- import_path: serve_app.app:build_app
  args:
    default_model: a
    cost_tiers: {}
    tenants: []
    catalog:
      models: [{id: a, upstream_model: them/a, backend: simulator}]
  deployments:
  - name: Gateway
    num_replicas: many
"""


def test_what_only_ray_refuses_in_a_configuration_has_a_line_too(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "serve.yaml"
    path.write_text(SERVE_YAML)
    run = avengers("serve", "--config", path, "--port", port)

    where = f"{path}:10: applications.0.deployments.0: "
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith(f"avengers: {where}")
    assert "Traceback" not in run.stderr


def test_alpha_decides_on_the_bundled_artifact():
    question = "Find the number of ordered pairs (a, b) with a^2 + b^2 = 2025."
    cheap, best = (
        json.loads(avengers("route", question, "--alpha", alpha, "--json").stdout)
        for alpha in (0, 1)
    )

    assert cheap["model"] != best["model"]
    assert cheap["expected_cost_usd"][0] < best["expected_cost_usd"][0]


def test_the_command_line_imports_nothing_heavy():
    code = (
        "import sys, serve_app.cli\n"
        "print({m.partition('.')[0] for m in sys.modules}"
        " & {'ray', 'torch', 'matplotlib', 'fastapi', 'sklearn'})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("group", [(), ("tenants",), ("keys",), ("artifacts",)])
def test_the_lists_of_commands_cut_no_sentence_short(group):
    listed = avengers(*group, "--help").stdout.partition("Commands:")[2]

    assert listed
    assert "..." not in listed


def test_few_judged_queries_and_models_that_few_tell_of_are_named(tmp_path):
    records, out = tmp_path / "r.jsonl", tmp_path / "a"
    lines = [record(i) if i % 4 == 0 else without("a", record(i)) for i in range(80)]
    records.write_text("\n".join(lines))

    run = avengers("fit", records, "-o", out, "--clusters", 4, "--allow-gaps")

    measured = {m["model"]: m["n_records"] for m in _models(out)}
    assert measured["b"] == 56
    judged = 20 - measured["a"]
    said = run.stderr.splitlines()
    why = "some model was not measured on the others"
    assert said[0] == f"held-out metrics rest on {judged} of 24 queries: {why}"
    assert said[1].startswith(f"a: measured on {measured['a']} queries only: its")
    assert len(said) == 2


def _models(artifact):
    return json.loads(avengers("inspect", artifact, "--json").stdout)["models"]
