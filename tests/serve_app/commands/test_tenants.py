"""`avengers tenants`: a file is made true, whole or not at all."""

import json

import pytest

from deployments.api_key import key_sha256
from tests.serve_app.commands.accounts_cli import AccountsCli

DIGEST = key_sha256("sk-av-1")
GOOD = f"""
cost_tiers:
  economy: {{alpha: 0.2}}
tenants:
  - id: acme
    name: Acme
    cost_tier: economy
    max_budget: 5
    keys:
      - sha256: {DIGEST}
  - id: other
    alpha: 0.4
"""


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys) -> AccountsCli:
    return AccountsCli(tmp_path, monkeypatch, capsys)


def ids(cli: AccountsCli) -> list[str]:
    return [tenant.id for tenant in cli.accounts(lambda a: a.snapshot()).tenants]


def test_a_file_is_applied_and_again_changes_nothing(cli):
    file = cli.file(GOOD)
    first, second = (cli.run("tenants", "apply", file) for _ in range(2))

    assert (first.code, second.code) == (0, 0)
    assert "max_budget" in first.out
    assert DIGEST not in first.out
    assert second.out == "no changes\n"
    assert ids(cli) == ["acme", "other"]


def test_a_dry_run_says_the_same_and_changes_nothing(cli):
    run = cli.run("tenants", "apply", cli.file(GOOD), "--dry-run")

    assert "would change" in run.out
    assert ids(cli) == []


def test_the_difference_as_json(cli):
    cli.run("tenants", "apply", cli.file(GOOD))
    changed = cli.file(GOOD.replace("max_budget: 5", "max_budget: 7"))
    run = cli.run("tenants", "apply", changed, "--json")

    fields = {"max_budget": {"before": 5.0, "after": 7.0}}
    change = {"kind": "changed", "of": "tenant", "id": "acme", "fields": fields}
    assert json.loads(run.out) == [change]


def test_what_is_not_listed_goes_only_with_prune(cli):
    cli.run("tenants", "apply", cli.file(GOOD))
    less = cli.file("tenants: [{id: acme, cost_tier: economy}]")

    cli.run("tenants", "apply", less)
    assert ids(cli) == ["acme", "other"]
    cli.run("tenants", "apply", less, "--prune")
    assert ids(cli) == ["acme"]


def test_prune_does_not_take_a_missing_list_for_an_empty_one(cli):
    cli.run("tenants", "apply", cli.file(GOOD))
    run = cli.run("tenants", "apply", cli.file("cost_tiers: {}"), "--prune")

    assert run.code == 2
    assert "tenants: missing" in run.err
    assert ids(cli) == ["acme", "other"]


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("alpha: 0.4", "alpha: 4", 12, "tenants.1.alpha: Input should be less"),
        ("alpha: 0.4", "bugdet: 4", 12, "tenants.1.bugdet: Extra inputs"),
        ("    alpha: 0.4", "", 11, "tenants.1: either cost_tier or alpha"),
        ("alpha: 0.4", "cost_tier: gold", 12, "tenants.1.cost_tier: cost tier"),
        ("id: other", "id: acme", 11, "tenants.1.id: the tenant 'acme' is listed"),
        ("alpha: 0.4", "alpha: 0.4\n    alpha: 0.5", 13, "alpha: said twice"),
        (DIGEST, "12", 10, "tenants.0.keys.0.sha256: Input should be a valid string"),
        (DIGEST, "ab", 10, "tenants.0.keys.0.sha256: String should match"),
        ("max_budget: 5", "max_budget: .nan", 8, "tenants.0.max_budget"),
        ("{alpha: 0.2}", "{alpha: 0.2", 4, "expected ',' or '}'"),
        ("alpha: 0.2", "models: [a]", 3, "cost_tiers.economy.alpha: Field required"),
        ("name: Acme", "name: \x07", 6, "a character that YAML forbids"),
        ("Acme", "2026-02-31", 6, "tenants.0.name: it must be a date or a time that"),
        ("Acme", "!!timestamp foo", 6, "tenants.0.name: it must be a date or a time"),
        (
            "max_budget: 5",
            'max_budget: !!int ""',
            8,
            "tenants.0.max_budget: it must be",
        ),
        ("{alpha: 0.2}", '{alpha: !!bool "a"}', 3, "cost_tiers.economy.alpha: it must"),
        ("  - id: other", "  - 2026-02-31: other", 11, "tenants.1: it must be a date"),
        ("tenants:", "tenant:", 4, "tenant: Extra inputs"),
        (GOOD, "- a", 1, "a mapping with cost_tiers and tenants was expected"),
        (GOOD, "", 1, "it is empty"),
    ],
)
def test_an_invalid_file_is_told_by_line_and_field(cli, old, new, line, what):
    file = cli.file(GOOD.replace(old, new))
    run = cli.run("tenants", "apply", file)

    assert run.code == 2
    assert run.err.startswith(f"avengers: {file}:{line}: {what}")
    assert run.err.count("\n") == 1
    assert ids(cli) == []


def test_what_only_the_store_can_refuse_has_a_line_too(cli):
    cli.run("tenants", "apply", cli.file(GOOD))
    taken = f"tenants:\n  - id: new\n    alpha: 1\n    keys:\n    - sha256: {DIGEST}\n"
    file = cli.file(taken)
    run = cli.run("tenants", "apply", file)

    assert run.code == 2
    assert f"{file}:4: tenants.new.keys" in run.err
    assert ids(cli) == ["acme", "other"]


def test_an_artifact_that_nobody_registered_is_told_by_line_and_field(cli):
    file = cli.file("tenants:\n  - id: new\n    alpha: 1\n    artifact: x\n")
    run = cli.run("tenants", "apply", file)

    assert run.code == 2
    assert f"{file}:4: tenants.new.artifact: there is no artifact 'x'" in run.err
    assert ids(cli) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff", "not UTF-8"),
        (b"[" * 5000, "nested too deeply"),
        (b"tenants: [{id: a, alpha: 1, keys: [{env: A, expires_at: 2026-02-31}]}]",
         ":1: tenants.0.keys.0.expires_at: it must be a date or a time that exists"),
        (b"tenants: [{id: a, alpha: 1, keys: [{env: A, expires_at: "
         b"9999-12-31T23:59:59-14:00}]}]",
         ":1: tenants.0.keys.0.expires_at: no calendar has this time in UTC"),
        (b"a: &a [*a]", "Extra inputs"),
    ],
)  # fmt: skip
def test_files_that_are_hardly_yaml(cli, content, what):
    file = cli.file("")
    file.write_bytes(content)
    run = cli.run("tenants", "apply", file)

    assert (run.code, run.err.count("\n")) == (2, 1)
    assert what in run.err


def test_aliases_are_shared_not_repeated(cli):
    text = "tenants:\n  - &a {id: a, alpha: 1}\n  - {<<: *a, id: b}\n"
    run = cli.run("tenants", "apply", cli.file(text))

    assert (run.code, ids(cli)) == (0, ["a", "b"])


def test_list_and_show(cli):
    cli.run("tenants", "apply", cli.file(GOOD))
    listed = json.loads(cli.run("tenants", "list", "--json").out)
    shown = cli.run("tenants", "show", "acme", "--json").out

    assert [tenant["id"] for tenant in listed] == ["acme", "other"]
    assert json.loads(shown)["keys"][0]["id"] == DIGEST[:12]
    assert DIGEST not in shown
    assert "5 USD / 1mo" in cli.run("tenants", "list").out
    assert DIGEST[:12] in cli.run("tenants", "show", "acme").out
    missing = cli.run("tenants", "show", "nobody")
    assert missing.code == 2
    assert missing.err.startswith("avengers: there is no tenant 'nobody' in the store")


def test_a_table_passes_no_command_on_to_the_terminal(cli):
    name = '"\\e[31mred[/b]"'
    cli.run("tenants", "apply", cli.file(GOOD.replace("Acme", name)))
    tables = [cli.run("tenants", "list").out, cli.run("tenants", "show", "acme").out]

    assert not any("\x1b[31m" in table for table in tables)
    assert "red[/b]" in tables[0]


@pytest.mark.parametrize(
    ("options", "code", "what"),
    [
        (("--database", "mysql://x/y"), 2, "'mysql' is no database"),
        (("--database", "sqlite://var/x.db"), 2, "three slashes before the path"),
        (("--database", "sqlite:////dev/null/x"), 2, "/dev/null/x: no such file"),
        (("--password-env", "NO_SUCH_VARIABLE"), 2, "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_a_database_that_is_not_there(cli, monkeypatch, options, code, what):
    monkeypatch.setattr("serve_app.commands.database_access._PATIENCE_S", 0.0)
    run = cli.run("tenants", "list", *options)

    assert run.code == code
    assert what in run.err
    assert run.err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("tenants", "list"),
        ("tenants", "show", "acme"),
        ("tenants", "delete", "acme"),
        ("keys", "list", "acme"),
        ("keys", "issue", "acme"),
        ("usage",),
        ("usage", "delete", "--before", "2026-01-01"),
    ],
)
def test_only_what_makes_tenants_makes_a_database(cli, command):
    run = cli.run(*command)

    assert (run.code, run.err) == (2, f"avengers: {cli.url}: no such file\n")
    assert list(cli.directory.iterdir()) == []
    assert cli.run("tenants", "create", "acme", "alpha=1").code == 0


def test_a_database_must_be_named(cli, monkeypatch):
    monkeypatch.delenv("AVENGERS_DATABASE")
    run = cli.run("tenants", "list")

    assert run.code == 2
    assert "AVENGERS_DATABASE" in run.err
