"""`avengers drift` on a real database: verdict, exit code, what is left out."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from artifacts.errors import BadInput
from artifacts.store import load
from deployments.store.database import Database
from deployments.store.usage_store import UsageStore
from deployments.usage.record import UsageRecord
from serve_app.cli import build_cli
from serve_app.commands.drift_traffic import Collected
from serve_app.commands.serve import LOCAL_CONFIG
from tests.artifacts.hand_made import bundled
from tests.deployments.store.made import record
from tests.serve_app.commands.accounts_cli import AccountsCli
from tests.serve_app.commands.test_commands import record as labelled

NOW = datetime.now(UTC)
ARTIFACT = load(bundled())


def routed(n: int, **changes) -> list[UsageRecord]:
    """Requests as the artifact's training queries were, over the last six days."""
    rng = np.random.default_rng(0)
    artifact = ARTIFACT
    known = artifact.profiles.familiarity
    clusters = rng.choice(len(known.cluster_size), n, p=artifact.profiles.query_share)
    similarity = [known.similarity(level) for level in rng.uniform(0, 1, n)]
    least = known.similarity(artifact.manifest.out_of_distribution_quantile)
    return [
        record(
            f"use-{i}",
            NOW - timedelta(minutes=i % 8000),
            cause="routed",
            artifact_id=artifact.artifact_id,
            clusters=(int(clusters[i]), 0),
            similarity=similarity[i],
            out_of_distribution=similarity[i] < least,
            model="gpt-4o-mini-2024-07-18",
            **changes,
        )
        for i in range(n)
    ]


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    return AccountsCli(tmp_path, monkeypatch, capsys)


def fill(cli: AccountsCli, records: list[UsageRecord]) -> None:
    async def run() -> None:
        database = Database(cli.url)
        await database.open()
        await UsageStore(database).ingest(records)
        await database.close()

    asyncio.run(run())


def moved(records: list[UsageRecord]) -> list[UsageRecord]:
    """Nine of ten requests lie in one cluster now, far away."""
    return [
        replace(each, clusters=(7, 0), similarity=0.1, out_of_distribution=True)
        if i % 10
        else each
        for i, each in enumerate(records)
    ]


def test_usual_traffic_is_ok(cli):
    fill(cli, routed(3000, cost_usd=None, completion_tokens=None))

    ran = cli.run("drift")

    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].startswith("ok: ")
    assert "3,000 requests decided by artifact" in ran.out


def test_other_traffic_calls_for_a_refit_by_its_exit_code(cli):
    fill(cli, moved(routed(1500)))

    ran = cli.run("drift", "--json")

    report = json.loads(ran.out)
    verdicts = {each["signal"]: each["verdict"] for each in report["findings"]}
    assert ran.code == 3
    assert report["verdict"] == "refit"
    assert verdicts["clusters"] == verdicts["similarity"] == "refit"
    assert report["artifact"] == ARTIFACT.artifact_id


@pytest.mark.parametrize("n", [0, 1, 40])
def test_few_requests_are_not_enough_to_say(cli, n):
    fill(cli, routed(n))

    ran = cli.run("drift")

    assert (ran.code, ran.out.splitlines()[-1]) == (0, "not enough to say")


def test_what_another_artifact_decided_is_left_out_and_said(cli):
    others = [replace(each, artifact_id="f" * 64) for each in moved(routed(500))]
    fill(cli, others)

    ran = cli.run("drift")

    assert "500 requests left out: artifact ffffffffffff decided them" in ran.out
    assert ran.code == 0


def test_only_the_asked_time_and_tenant_count(cli):
    fill(cli, moved(routed(1500)))
    week_before = (NOW - timedelta(days=7)).isoformat()

    for options in (("--end", week_before), ("--tenant", "nobody")):
        assert json.loads(cli.run("drift", "--json", *options).out)["records"] == 0


def test_of_many_requests_a_sample_is_looked_at(cli):
    fill(cli, moved(routed(4000)))

    report = json.loads(cli.run("drift", "--json", "--most", 1000).out)

    assert 800 < report["decided"] < 1200
    assert report["verdict"] == "refit"


def test_fresh_labels_are_compared_too(cli, tmp_path):
    line = {
        "query": "What is {n} × 7?",
        "records": {"gpt-4o-mini-2024-07-18": 0.0},
        "usages": {"gpt-4o-mini-2024-07-18": {"cost": 0.0001}},
    }
    lines = [json.dumps({**line, "query": f"What is {n} × 7?"}) for n in range(60)]
    (tmp_path / "fresh.jsonl").write_text("\n".join(lines))
    fill(cli, routed(3000, cost_usd=None, completion_tokens=None))

    command = ("drift", "--records", tmp_path / "fresh.jsonl")
    ran, shown = cli.run(*command, "--json"), cli.run(*command)

    whole, one = json.loads(ran.out)["findings"][-2:]
    assert (whole["signal"], whole["verdict"]) == ("accuracy", "refit")
    assert (one["signal"], one["verdict"]) == ("cluster_accuracy", "watch")
    assert (ran.code, shown.code) == (3, 3)
    rows = [line.replace("│", " ").split() for line in shown.out.splitlines()]
    model = "gpt-4o-mini-2024-07-18"
    assert [row[0] for row in rows if model in row[1:2]] == [
        "cost",
        "completion_tokens",
        "failures",
        "accuracy",
        "cluster_accuracy",
    ]


def test_the_records_of_the_fit_are_no_fresh_labels(cli, tmp_path):
    records, artifact = tmp_path / "r.jsonl", tmp_path / "a"
    records.write_text("\n".join(labelled(i) for i in range(40)))
    fitted = cli.run("fit", records, "-o", artifact, "--clusters", 4)

    ran = cli.run("drift", "--artifact", artifact, "--records", records)

    assert fitted.code == 0, fitted.err
    assert (ran.code, ran.out) == (2, "")
    assert "--records: the artifact was made of these" in ran.err


def test_a_cost_that_fresh_labels_lack_comes_from_the_catalog_as_for_a_fit(
    cli, tmp_path
):
    model = "gpt-4o-mini-2024-07-18"
    usage = {"prompt_tokens": 9, "completion_tokens": 9}
    line = {"query": "6 × 7?", "records": {model: 1}, "usages": {model: usage}}
    (tmp_path / "fresh.jsonl").write_text(json.dumps(line))
    fill(cli, routed(10))
    command = ("drift", "--json", "--records", tmp_path / "fresh.jsonl")

    without, ran = cli.run(*command), cli.run(*command, "--catalog", LOCAL_CONFIG)

    assert without.err.endswith(
        ": missing, and not both tokens and a price are known\n"
    )
    last = json.loads(ran.out)["findings"][-1]
    assert (last["signal"], last["n"], last["verdict"]) == ("accuracy", 1, "few")


def test_a_mistyped_database_is_refused_and_not_made(cli, tmp_path):
    ran = cli.run("drift", "--database", f"sqlite:///{tmp_path}/typo.db")

    what = f"sqlite:///{tmp_path}/typo.db: no such file"
    assert (ran.code, ran.out, ran.err) == (2, "", f"avengers: {what}\n")
    assert not (tmp_path / "typo.db").exists()


@pytest.mark.parametrize("days", ["1e6", "inf", "nan", "0"])
def test_days_that_no_calendar_has_are_a_usage_error(cli, days):
    ran = cli.run("drift", "--days", days)

    assert ran.code == 2
    assert "'--days'" in ran.err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--end", "0001-01-02"), "--end: it must be .* from 1970 on"),
        (("--end", "soon"), "--end: it must be a date"),
        (("--artifact", "/nowhere"), "manifest.json"),
        (("--records", "/nowhere.jsonl"), "No such file"),
        (("--catalog", "/nowhere.yaml"), "--catalog: its prices are for --records"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, what):
    url = f"sqlite:///{tmp_path / 'usage.db'}"

    with pytest.raises(BadInput, match=what):
        build_cli()(["drift", "--database", url, *arguments], standalone_mode=False)


def collected_of(records: list[UsageRecord]) -> Collected:
    collected = Collected(ARTIFACT)
    for each in records:
        collected.add(each)
    return collected


def test_costs_tries_and_causes_are_told_from_the_records():
    usual = {"artifact_id": ARTIFACT.artifact_id, "clusters": (3, 1)}
    name = "gpt-4o-mini-2024-07-18"
    collected = collected_of(
        [
            record("1", cause="routed", model=name, cost_usd=0.5,
                   failed_cost_usd=0.2, failures=("a=timeout",), **usual),
            record("2", cause="routed", model="new", cost_source="estimated", **usual),
            record("3", cause="fallback", status="failed", model=name),
            record("4", cause="routed", status="cancelled", model=name, **usual),
            record("5", cause="requested", model=name),
        ],
    )  # fmt: skip
    traffic = collected.traffic

    assert traffic.cost_usd[0] == pytest.approx(0.3)
    assert np.isnan(traffic.cost_usd[1])
    assert traffic.model.tolist() == [ARTIFACT.column_of[name], -1, -1]
    tries = {model: (each.n, each.failed) for model, each in collected.tries.items()}
    assert tries == {"a": (1, 1), name: (3, 1), "new": (1, 0)}
    assert (collected.routing.n, collected.routing.failed) == (4, 1)


def test_what_the_request_is_to_blame_for_is_held_against_no_model():
    collected = collected_of(
        [
            record("1", status="failed", error="insufficient_quota", model=None,
                   failures=("a=over_budget", "b=over_budget")),
            record("2", model="b", failures=("a=context_length_exceeded",)),
            record("3", status="failed", error="upstream_refused", model="a"),
            record("4", model="b", failures=("a=breaker_open", "c=over_budget")),
        ],
    )  # fmt: skip

    tries = {model: (each.n, each.failed) for model, each in collected.tries.items()}
    assert tries == {"a": (1, 1), "b": (2, 0)}


def test_a_model_that_the_client_named_is_no_decision_of_the_artifact():
    """Though it was decided for, as for its costs there was a cap."""
    named = [replace(each, cause="requested") for each in routed(3)]
    collected = collected_of([*named, *routed(2)])

    assert (collected.records, len(collected.traffic)) == (5, 2)
