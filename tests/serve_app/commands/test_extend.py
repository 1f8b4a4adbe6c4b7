"""`avengers add-model`, `remove-model`, `reprice` and `diff` on real directories."""

import json
from pathlib import Path

import pytest

from artifacts.store import load
from tests.serve_app.commands.test_commands import avengers

SIZES = {"a": 0.1, "b": 0.3, "new": 0.2}


def record(i: int, *models: str) -> str:
    usage = {"prompt_tokens": 9, "completion_tokens": 9}
    return json.dumps(
        {
            "query": f"What is {i} times {i + 1}?",
            "records": {model: int(i % len(model) == 0) for model in models},
            "usages": {m: {**usage, "cost": SIZES[m]} for m in models},
            "index": i,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """`r.jsonl` of a and b, `n.jsonl` of b and new on fewer queries, the artifact."""
    made: Path = tmp_path_factory.mktemp("extend")
    (made / "r.jsonl").write_text("\n".join(record(i, "a", "b") for i in range(40)))
    lines = (record(i, "b", "new") for i in range(10, 25))
    (made / "n.jsonl").write_text("\n".join(lines))
    run = avengers("fit", made / "r.jsonl", "-o", made / "artifact", "--clusters", 4)
    assert run.returncode == 0, run.stderr
    return made


def test_a_model_is_added_in_place_repriced_and_removed(folder, tmp_path):
    first, out = folder / "artifact", tmp_path / "out"

    added = avengers("add-model", first, folder / "n.jsonl", "-o", out)
    repriced = avengers("reprice", out, "--price", "new=2,4", "-o", out)
    larger = load(out)
    removed = avengers("remove-model", out, "a", "b", "-o", out)

    assert (added.returncode, repriced.returncode, removed.returncode) == (0, 0, 0)
    assert "left out of account: b" in added.stderr
    few = "new: measured on 15 queries only: its accuracy is known to ± 25 points"
    assert few in added.stderr
    assert larger.models == ("a", "b", "new")
    cost_usd = larger.global_profile.cost_usd[2]
    assert cost_usd == pytest.approx(9 * 2e-6 + 9 * 4e-6)
    last = load(out)
    assert last.models == ("new",)
    kinds = [change.kind for change in last.manifest.provenance.extensions]
    assert kinds == ["add-model", "reprice", "remove-model"]
    assert json.loads(avengers("route", "hi", "--artifact", out, "--json").stdout)
    assert "remove-model a, b" in avengers("inspect", out).stdout
    assert load(first).models == ("a", "b")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


CATALOG = """\
applications:
- import_path: serve_app.app:build_app
  args:
    default_model: a
    cost_tiers: {}
    tenants: []
    catalog:
      models:
      - {id: a, upstream_model: a, price: &p {input_usd_per_token: 1,
         output_usd_per_token: 1}, backend: simulator}
      - {id: b, upstream_model: b, price: *p, backend: simulator}
"""


def test_a_price_that_is_stated_goes_before_the_catalog_s(folder, tmp_path):
    catalog, out = tmp_path / "serve.yaml", tmp_path / "out"
    catalog.write_text(CATALOG)
    told = ("--catalog", catalog, "--price", "a=2,4")
    run = avengers("reprice", folder / "artifact", *told, "-o", out)

    assert run.returncode == 0, run.stderr
    found = load(out).global_profile.cost_usd
    assert found == pytest.approx([9 * 2e-6 + 9 * 4e-6, 9 + 9])


def test_diff_prints_tables_and_json(folder, tmp_path):
    dear = tmp_path / "dear"
    avengers("reprice", folder / "artifact", "--price", "a=9e6,9e6", "-o", dear)
    options = ("--queries", folder / "r.jsonl", "--alphas", "0,1")

    shown = avengers("diff", folder / "artifact", dear, *options)
    found = avengers("diff", folder / "artifact", dear, *options, "--json")

    assert "Switches" in shown.stdout
    whole = json.loads(found.stdout)
    assert whole["queries"] == 40
    cheapest, _ = whole["alphas"]
    assert (cheapest["changed"], cheapest["share_b"]) == (1, {"b": 1})
    assert cheapest["switches"] == [{"before": "a", "after": "b", "queries": 40}]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("add-model", "artifact", "n.jsonl", "--model", "a"), "remove-model it first"),
        (("add-model", "artifact", "r.jsonl"), "remove-model it first"),
        (("add-model", "artifact", "n.jsonl", "--model", "z"), "no records of model"),
        (("add-model", "artifact", "broken.jsonl"), "broken.jsonl:1: not JSON"),
        (("add-model", "nowhere", "n.jsonl"), "manifest.json: No such file"),
        (("remove-model", "artifact", "a", "b"), "no model would be left"),
        (("remove-model", "artifact", "z"), "not in the artifact: z"),
        (("reprice", "artifact"), "no prices: give --catalog or --price"),
        (("reprice", "artifact", "--price", "a=1"), "--price 'a=1'"),
        (("reprice", "artifact", "--price", "a=1,-1"), "--price 'a=1,-1'"),
        (("reprice", "artifact", "--price", "z=1,1"), "not in the artifact: z"),
        (("reprice", "artifact", "--price", "a=1,1", "--price", "a=2,2"), "twice"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(folder, tmp_path, arguments, what):
    (folder / "broken.jsonl").write_text("{\n")
    files = [
        folder / word if (folder / word).exists() or word == "nowhere" else word
        for word in arguments
    ]

    run = avengers(*files, "-o", tmp_path / "out")

    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert what in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["add-model", "remove-model", "reprice"])
def test_a_directory_that_is_not_ours_is_not_replaced(folder, tmp_path, command):
    (tmp_path / "thesis.tex").write_text("mine")
    more = {
        "add-model": (folder / "n.jsonl",),
        "remove-model": ("a",),
        "reprice": ("--price", "a=1,1"),
    }

    run = avengers(command, folder / "artifact", *more[command], "-o", tmp_path)

    assert run.returncode == 2
    assert "will not be replaced" in run.stderr
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    ("option", "what"),
    [
        (("--alphas", "0,2"), "--alphas '0,2'"),
        (("--alphas", "x"), "--alphas 'x'"),
        (("--queries", "/no/such"), "/no/such: No such file"),
    ],
)
def test_what_diff_cannot_use_is_said_in_one_line(folder, option, what):
    both = (folder / "artifact", folder / "artifact")

    run = avengers("diff", *both, "--queries", folder / "r.jsonl", *option)

    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert what in run.stderr
