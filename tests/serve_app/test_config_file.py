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
    path.write_text(FILE)

    assert [tenant.id for tenant in read_app_config(path).tenants] == ["one", "two"]


def test_a_field_is_named_with_its_file(tmp_path):
    path = tmp_path / "s.yaml"
    data = {"applications": [{"import_path": "serve_app.app:build_app", "args": {}}]}

    with pytest.raises(BadInput, match=r"s\.yaml: args\.catalog: Field required"):
        app_config(data, path)
