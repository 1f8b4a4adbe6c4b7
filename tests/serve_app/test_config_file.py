"""A Serve config file: what is wrong in it is named with file, line and field."""

import pytest

from artifacts.errors import BadInput
from serve_app.config_file import (
    IMPORT_PATH,
    app_config,
    read_app_config,
    startable_config,
)
from serve_app.launching.serve_config import read_serve_yaml

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
    database: {{url_env: WHERE}}
    usage: {{journal: x}}
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
        (
            "    database: {url_env: WHERE}\n",
            "",
            "16: args.tenants.two.max_budget: it takes a database",
        ),
        ("default_model: a", "default_model: b", "7: args.default_model: 'b' is not"),
        ("them/a}", "them/a, backend: b}", "10: args.catalog.models.a.backend: 'b' is"),
        ("      alpha: 0.5", "", "14: args.tenants.1: either cost_tier or alpha"),
        ("alpha: 0.5", "cost_tier: x", "15: args.tenants.two.cost_tier: 'x' is not"),
        (
            "default_model: a",
            "default_model: a\n    breaker: 5",
            "8: args.breaker: Input should be",
        ),
        ("    default_model: a\n", "", "4: args.default_model: Field required"),
        (IMPORT_PATH, "x", "1: no application has the import_path"),
        ("  args:", "  args: 5\n  name:", "4: args: a mapping was expected"),
        ("{}", "[1, 2]", "22: deployments.Gateway.user_config: a mapping was"),
        ("{}", "hello", "22: deployments.Gateway.user_config: a mapping was"),
        ("{}", "{x: 1}", "22: deployments.Gateway.user_config.x: not a live setting"),
        ("deployments:", "deployments: 5\n  x:", "19: deployments: a list was"),
        ("{}", "{hosts: {A: b}}", "22: deployments.Gateway.user_config.hosts.a: 'b'"),
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
    path.write_text(FILE)

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

    assert startable_config(read_serve_yaml(path), SET)
    for environment in (
        {name: value for name, value in SET.items() if name != variable},
        SET | {variable: " "},
    ):
        with pytest.raises(BadInput) as raised:
            startable_config(read_serve_yaml(path), environment)
        assert str(raised.value) == f"{path}:{said}"


IN_PATHS = (
    NEEDY.replace("url_env: WHERE", "url: sqlite:///$STATE/a.db")
    .replace("      password_env: PASSWORD\n", "")
    .replace("/var/journal", "'${LOCAL}/usage'")
)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("STATE", "15: args.database.url: STATE is not set"),
        ("LOCAL", "20: args.usage.journal: LOCAL is not set"),
    ],
)
def test_a_variable_in_a_path_has_to_be_set_to_something(tmp_path, variable, said):
    path = tmp_path / "s.yaml"
    path.write_text(IN_PATHS)
    whole = SET | {"STATE": "/var/state", "LOCAL": "/var/local"}

    assert startable_config(read_serve_yaml(path), whole)
    for environment in (
        {name: value for name, value in whole.items() if name != variable},
        whole | {variable: ""},
    ):
        with pytest.raises(BadInput) as raised:
            startable_config(read_serve_yaml(path), environment)
        assert str(raised.value) == f"{path}:{said}"


def test_a_variable_in_a_server_s_address_is_told_to_be_none(tmp_path):
    path = tmp_path / "s.yaml"
    own = "url: postgresql://me:pa$$w$ord@$DB_HOST:5432/mine"
    path.write_text(NEEDY.replace("url_env: WHERE", own))
    said = r"s\.yaml:15: args\.database\.url: DB_HOST is not filled in here; url_env"

    with pytest.raises(BadInput, match=said):
        startable_config(read_serve_yaml(path), SET | {"DB_HOST": "db.test"})
    path.write_text(path.read_text().replace("$DB_HOST", "db.test"))
    assert startable_config(read_serve_yaml(path), SET)


LIVE = f"""\
applications:
- import_path: {IMPORT_PATH}
  args:
    backends:
      deploy: [simulator]
  deployments:
  - name: Gateway
    user_config:
      cost_tiers: {{}}
      default_model: a
      tenants: []
      catalog:
        models:
        - {{id: a, upstream_model: a, backend: simulator}}
        - id: b
          upstream_model: them/b
          backend: openrouter
"""


@pytest.mark.parametrize(
    ("backend", "way_out"),
    [
        ("openrouter", "args.backends.deploy names it"),
        (
            "vllm\n          vllm: {max_model_len: 9}",
            "local models stand in the catalog of args",
        ),
    ],
)
def test_a_live_model_whose_backend_is_not_deployed_is_told_before_anything_starts(
    tmp_path, backend, way_out
):
    path = tmp_path / "s.yaml"
    path.write_text(LIVE.replace("backend: openrouter", f"backend: {backend}"))
    where = "deployments.Gateway.user_config.catalog.models.b.backend"

    with pytest.raises(BadInput) as raised:
        startable_config(read_serve_yaml(path), SET)
    name = backend.split()[0]
    said = f"{path}:17: {where}: {name!r} is not deployed ({way_out})"
    assert str(raised.value) == said

    path.write_text(LIVE.replace("[simulator]", "[simulator, openrouter]"))
    assert startable_config(read_serve_yaml(path), SET).catalog.ids == ("a", "b")


def test_what_a_runtime_env_sets_and_what_nobody_reads_need_not_be_set(tmp_path):
    path = tmp_path / "s.yaml"
    given = "runtime_env: {env_vars: {NEAR_KEY: k}}"
    text = NEEDY.replace("num_cpus: 1", given).replace("endpoint:", "# ")
    path.write_text(text)

    here = {"WHERE": "sqlite:////var/mine.db", "OPENROUTER_API_KEY": "k"}
    assert startable_config(read_serve_yaml(path), here)


def test_an_artifact_that_is_not_there_is_told_before_anything_starts(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(
        NEEDY.replace("    tenants", f"    artifact: {tmp_path}\n    tenants")
    )

    with pytest.raises(
        BadInput, match=r"s\.yaml:20: args\.artifact: .*manifest\.json: "
    ):
        startable_config(read_serve_yaml(path), SET)
    assert read_app_config(path)


def test_the_log_of_requests_is_off_without_quotes_too(tmp_path):
    path = tmp_path / "s.yaml"
    off = "default_model: a\n    logging: {requests: off}"
    path.write_text(FILE.replace("default_model: a", off))

    assert read_app_config(path).logging.requests == "off"
