"""A Serve config file: what is wrong in it is named with file, line and field."""

import pytest

from artifacts.errors import BadInput
from serve_app.config_file import IMPORT_PATH, app_config, read_app_config

FILE = f"""\
applications:
- import_path: elsewhere:app
- import_path: {IMPORT_PATH}
  args:
    cost_tiers:
      economy: {{alpha: 0.2}}
    default_model: a
    catalog:
      models:
      - {{id: a, upstream_model: them/a}}
    tenants:
    - id: one
      cost_tier: economy
    - id: two
      alpha: 0.5
      max_budget: 10
  deployments:
  - name: Router
  - name: Gateway
    user_config: {{}}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alpha: 0.2", "alpha: 2", "6: args.cost_tiers.economy.alpha: Input should be"),
        ("10", "-1", "16: args.tenants.1.max_budget: Input should be greater"),
        ("10", "10\n      max_budget: 9", "17: max_budget: said twice"),
        ("10", "10", "16: args.tenants.two.max_budget: database is needed, too"),
        ("default_model: a", "default_model: b", "7: args.default_model: 'b' is not"),
        ("them/a}", "them/a, backend: b}", "10: args.catalog.models.a.backend: 'b' is"),
        ("      alpha: 0.5", "", "14: args.tenants.1: either cost_tier or alpha"),
        ("alpha: 0.5", "cost_tier: x", "15: args.tenants.two.cost_tier: 'x' is not"),
        (
            "default_model: a",
            "default_model: a\n    database: 5",
            "8: args.database: Input should be",
        ),
        ("    default_model: a\n", "", "4: args.default_model: Field required"),
        (IMPORT_PATH, "x", "1: no application has the import_path"),
        ("  args:", "  args: 5\n  name:", "4: args: a mapping was expected"),
        ("{}", "[1, 2]", "20: deployments.Gateway.user_config: a mapping was"),
        ("{}", "hello", "20: deployments.Gateway.user_config: a mapping was"),
        ("{}", "{x: 1}", "20: deployments.Gateway.user_config.x: not a live setting"),
        ("deployments:", "deployments: 5\n  x:", "17: deployments: a list was"),
        ("{}", "{hosts: {A: b}}", "20: deployments.Gateway.user_config.hosts.a: 'b'"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_by_line_and_field(tmp_path, old, new, said):
    path = tmp_path / "s.yaml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))

    with pytest.raises(BadInput) as refused:
        read_app_config(path)
    assert str(refused.value).startswith(f"{path}:{said}")


def test_a_file_without_mistakes(tmp_path):
    path = tmp_path / "s.yaml"
    kept = "    database: {url: 'sqlite:///x'}\n    usage: {journal: x}\n  deployments:"
    path.write_text(FILE.replace("  deployments:", kept))

    assert [tenant.id for tenant in read_app_config(path).tenants] == ["one", "two"]


def test_a_field_is_named_with_its_file(tmp_path):
    path = tmp_path / "s.yaml"
    data = {"applications": [{"import_path": "serve_app.app:build_app", "args": {}}]}

    with pytest.raises(BadInput, match=r"s\.yaml: args\.catalog: Field required"):
        app_config(data, path)


NEEDY = f"""\
applications:
- import_path: {IMPORT_PATH}
  args:
    cost_tiers:
      economy: {{alpha: 0.2}}
    default_model: a
    backends:
      upstreams:
        near: {{base_url: "http://near.test/v1/", api_key_env: NEAR_KEY}}
    catalog:
      models:
      - {{id: a, upstream_model: them/a}}
      - {{id: b, upstream_model: them/b, backend: near}}
    database:
      url_env: WHERE
      password_env: PASSWORD
    telemetry:
      endpoint: http://collector.test/v1/traces
      headers_env: {{authorization: OTLP}}
    tenants: []
    usage: {{journal: /var/journal}}
  deployments:
  - name: Gateway
    ray_actor_options: {{num_cpus: 1}}
"""
SET = {
    "WHERE": "postgresql://me@db.test/mine",
    "PASSWORD": "p",
    "OPENROUTER_API_KEY": "k",
    "NEAR_KEY": "k",
    "OTLP": "o",
}


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("WHERE", "15: args.database.url_env: WHERE is not set"),
        ("PASSWORD", "16: args.database.password_env: PASSWORD is not set"),
        (
            "NEAR_KEY",
            "9: args.backends.upstreams.near.api_key_env: NEAR_KEY is not set",
        ),
        (
            "OPENROUTER_API_KEY",
            "7: args.backends.openrouter.api_key_env: OPENROUTER_API_KEY is not set "
            "(with backends.without_key: simulate, a simulator answers)",
        ),
        ("OTLP", "19: args.telemetry.headers_env.authorization: OTLP is not set"),
    ],
)
def test_a_variable_that_is_not_set_is_told_before_anything_starts(
    tmp_path, variable, said
):
    path = tmp_path / "s.yaml"
    path.write_text(NEEDY)

    assert read_app_config(path, SET)
    for environment in (
        {name: value for name, value in SET.items() if name != variable},
        SET | {variable: " "},
    ):
        with pytest.raises(BadInput) as raised:
            read_app_config(path, environment)
        assert str(raised.value) == f"{path}:{said}"


def test_what_a_runtime_env_sets_and_what_nobody_reads_need_not_be_set(tmp_path):
    path = tmp_path / "s.yaml"
    given = "runtime_env: {env_vars: {NEAR_KEY: k}}"
    text = NEEDY.replace("num_cpus: 1", given).replace("endpoint:", "# ")
    path.write_text(text)

    here = {"WHERE": "sqlite:////var/mine.db", "OPENROUTER_API_KEY": "k"}
    assert read_app_config(path, here)


def test_an_artifact_that_is_not_there_is_told_before_anything_starts(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(
        NEEDY.replace("    tenants", f"    artifact: {tmp_path}\n    tenants")
    )

    with pytest.raises(
        BadInput, match=r"s\.yaml:20: args\.artifact: .*manifest\.json: "
    ):
        read_app_config(path, SET)
    assert read_app_config(path)
