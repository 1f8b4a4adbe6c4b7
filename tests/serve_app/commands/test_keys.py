"""`avengers keys`: a key is shown once; what is stored opens nothing."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from deployments.api_key import key_sha256
from deployments.tenancy import CostTier, KeyConfig, TenantConfig
from tests.serve_app.commands.accounts_cli import AccountsCli

ACME = TenantConfig(id="acme", alpha=0.5)


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys) -> AccountsCli:
    """With one tenant and one cost tier."""
    cli = AccountsCli(tmp_path, monkeypatch, capsys)
    cli.accounts(lambda a: a.apply([ACME], {"gold": CostTier(alpha=1)}))
    return cli


def keys(cli: AccountsCli) -> dict[str, KeyConfig]:
    tenant = cli.accounts(lambda a: a.tenant("acme"))
    return {key.key_id: key for key in tenant.keys}


def test_a_new_key_is_all_that_standard_output_holds(cli):
    run = cli.run("keys", "issue", "acme")
    secret = run.out.removesuffix("\n")

    assert (run.code, "\n" in secret) == (0, False)
    assert secret.startswith("sk-av-")
    assert secret not in run.err
    (key,) = keys(cli).values()
    assert key.sha256 == key_sha256(secret)
    assert key.key_id in run.err


def test_a_key_is_narrowed_as_the_options_say(cli):
    options = ("--name", "ci", "--expires", "2099-01-31T12:00", "--models", "a, b")
    cli.run("keys", "issue", "acme", *options, "--alpha", 0.1, "--rpm-limit", 6)
    (key,) = keys(cli).values()

    assert (key.name, key.alpha, key.rpm_limit) == ("ci", 0.1, 6)
    assert key.models == {"a", "b"}
    assert key.expires_at == datetime(2099, 1, 31, 12, tzinfo=UTC)


def test_a_key_can_be_issued_for_some_days(cli):
    before = datetime.now(UTC)
    cli.run("keys", "issue", "acme", "--expires", "90d", "--cost-tier", "gold")
    (key,) = keys(cli).values()

    assert key.expires_at is not None
    since = key.expires_at - before
    assert timedelta(days=90) <= since < timedelta(days=91)
    assert key.cost_tier == "gold"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("nobody",), "there is no tenant 'nobody'"),
        (("acme", "--cost-tier", "silver"), "cost tier 'silver' is not defined"),
        (("acme", "--cost-tier", "gold", "--alpha", 1), "exclude each other"),
        (("acme", "--rpm-limit", 0), "--rpm-limit: Input should be greater"),
        (("acme", "--max-parallel-requests", 0), "--max-parallel-requests: Input"),
        (("acme", "--models", "a,,b"), "--models 'a,,b'"),
        (("acme", "--alpha", 2), "Invalid value for '--alpha'"),
        (("acme", "--expires", "soon"), "--expires 'soon'"),
        (("acme", "--expires", "0d"), "that is over"),
        (("acme", "--expires", "2020-01-01"), "that is over"),
        (("acme", "--expires", "999999999d"), "--expires '999999999d'"),
    ],
)
def test_a_bad_option_issues_nothing(cli, options, what):
    run = cli.run("keys", "issue", *options)

    assert (run.code, run.out) == (2, "")
    assert what in run.err
    assert keys(cli) == {}


def test_keys_of_a_tenant_in_a_tier_of_the_configuration_can_be_changed(cli):
    tenant = TenantConfig(id="other", cost_tier="balanced")
    cli.accounts(lambda a: a.put_tenant(tenant), configured=["balanced"])
    issued = cli.run("keys", "issue", "other")
    (key,) = cli.accounts(lambda a: a.tenant("other")).keys
    rotated = cli.run("keys", "rotate", key.key_id, "--grace", "1h")
    revoked = cli.run("keys", "revoke", key.key_id)
    elsewhere = cli.run("keys", "issue", "acme")
    pinned = cli.run("keys", "issue", "acme", "--cost-tier", "balanced")

    codes = [run.code for run in (issued, rotated, revoked, elsewhere, pinned)]
    assert codes == [0, 0, 0, 0, 2]
    assert "'balanced' is not defined in the database" in pinned.err


def test_rotate_gives_a_new_key_on_the_same_terms(cli):
    cli.run("keys", "issue", "acme", "--name", "ci")
    (old,) = keys(cli)
    run = cli.run("keys", "rotate", old, "--grace", "1h")
    found = keys(cli)

    new = key_sha256(run.out.strip())[:12]
    assert set(found) == {old, new}
    assert (found[new].name, found[new].expires_at) == ("ci", None)
    assert found[old].ended(datetime.now(UTC)) is None
    assert found[old].ended(datetime.now(UTC) + timedelta(hours=1)) == "expired"


def test_without_a_grace_the_old_key_ends_at_once(cli):
    cli.run("keys", "issue", "acme")
    (old,) = keys(cli)
    cli.run("keys", "rotate", old)

    assert keys(cli)[old].ended(datetime.now(UTC)) == "expired"
    again = cli.run("keys", "rotate", old)
    assert (again.code, again.out) == (2, "")
    assert "is expired: issue a new one" in again.err


def test_a_revoked_key_stays_revoked(cli):
    cli.run("keys", "issue", "acme")
    (id,) = keys(cli)
    first, second = (cli.run("keys", "revoke", id) for _ in range(2))

    assert keys(cli)[id].revoked
    assert (first.code, first.err) == (0, f"{id} is revoked\n")
    assert (second.code, second.err) == (0, f"{id} was revoked before\n")


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_a_key_that_is_not_there(cli, command):
    run = cli.run("keys", command, "x")

    assert (run.code, run.err) == (2, "avengers: there is no key 'x'\n")


def test_a_grace_that_is_none(cli):
    assert "--grace 'long'" in cli.run("keys", "rotate", "x", "--grace", "long").err


def test_the_list_tells_the_state_and_no_secret(cli):
    secrets = [cli.run("keys", "issue", "acme").out.strip() for _ in range(2)]
    cli.run("keys", "revoke", key_sha256(secrets[0])[:12])
    table = cli.run("keys", "list", "acme").out
    rows = json.loads(cli.run("keys", "list", "acme", "--json").out)

    assert "revoked" in table
    assert "active" in table
    assert sorted(row["revoked"] for row in rows) == [False, True]
    for secret in secrets:
        assert secret not in table
        assert key_sha256(secret) not in json.dumps(rows)
