"""`avengers tenants create|set|delete`: one tenant, field by field."""

import pytest

from tests.serve_app.commands.accounts_cli import AccountsCli


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys) -> AccountsCli:
    return AccountsCli(tmp_path, monkeypatch, capsys)


def test_a_tenant_is_made_changed_and_deleted(cli):
    made = cli.run("tenants", "create", "acme", "alpha=0.5", "models=[a, b]")
    secret = cli.run("keys", "issue", "acme").out
    changed = cli.run("tenants", "set", "acme", "max_budget=20", "models=")
    tenant = cli.accounts(lambda accounts: accounts.tenant("acme"))
    deleted = cli.run("tenants", "delete", "acme")

    assert [made.code, changed.code, deleted.code] == [0, 0, 0]
    assert "max_budget" in changed.out
    assert (tenant.alpha, tenant.max_budget, tenant.models) == (0.5, 20, None)
    assert secret.startswith("sk-av-")
    assert len(tenant.keys) == 1


def test_keys_that_were_issued_outlive_an_edit_and_the_file_after_it(cli):
    file = cli.file("tenants: [{id: acme, alpha: 0.5}]")
    cli.run("tenants", "apply", file)
    cli.run("keys", "issue", "acme")
    cli.run("tenants", "set", "acme", "max_budget=20")
    cli.run("tenants", "apply", file)

    tenant = cli.accounts(lambda accounts: accounts.tenant("acme"))
    assert (tenant.max_budget, len(tenant.keys)) == (None, 1)


def test_a_cost_tier_takes_the_place_of_alpha(cli):
    cli.run("tenants", "apply", cli.file("cost_tiers: {gold: {alpha: 1}}"))
    cli.run("tenants", "create", "acme", "alpha=0.5")
    cli.run("tenants", "set", "acme", "cost_tier=gold")

    tenant = cli.accounts(lambda accounts: accounts.tenant("acme"))
    assert (tenant.alpha, tenant.cost_tier) == (None, "gold")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "a"], "either cost_tier or alpha is needed"),
        (["create", "a", "alpha=2"], "alpha: Input should be less than or equal to 1"),
        (["create", "a", "alpha"], "'alpha': FIELD=VALUE was expected"),
        (["create", "a", "alpha=1", "keys=[]"], "keys: it cannot be set here"),
        (["create", "a", "alpha=1", "colour=red"], "colour: Extra inputs"),
        (["create", "a", "cost_tier=none"], "cost tier 'none' is not defined"),
        (["create", "a", "models=["], "models: '[' is no YAML"),
        (["set", "acme", "name=2026-13-45"], "name: it must be a date or a time that"),
        (["set", "acme", "max_budget=!!int"], "max_budget: it must be a whole number"),
        (["set", "acme", "metadata=" + "[" * 3000], "metadata: "),
        (["create", "acme", "alpha=1"], "there is a tenant 'acme' already"),
        (["set", "nobody", "alpha=1"], "there is no tenant 'nobody'"),
        (["delete", "nobody"], "there is no tenant 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(cli, arguments, said):
    cli.run("tenants", "create", "acme", "alpha=0.5")
    ran = cli.run("tenants", *arguments)

    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
