"""The pages tell the truth where a machine can tell."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from artifacts.policy import Shadow, Staying
from deployments.limits.ledger_protocol import BudgetState
from deployments.protocol.routing import (
    ClusterView,
    Explanation,
    RouteQuery,
    RouteTimings,
)
from deployments.store.usage_query import UsageQuery, UsageRow
from deployments.usage.record import UsageRecord
from serve_app.answering.chat import RoutingOptions
from serve_app.answering.planning import Plan
from serve_app.http.admin import Admin
from serve_app.http.admin_artifacts import ArtifactAdmin
from serve_app.http.admin_key import AdminKey
from serve_app.http.api import build_api
from serve_app.http.budget_json import shown_budget
from serve_app.http.route_report import route_report
from serve_app.http.usage_report import usage_report
from tests.fakes import decision, gateway
from tests.pages import PAGES, README, ROOT, spans, text_of

HTTP = text_of(ROOT / "docs/http.md")
NOW = datetime.now(UTC)
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for package in ("deployments", "serve_app")
    for path in sorted((ROOT / package).rglob("*"))
    if path.suffix == ".py" or path.name == "haproxy-wrapper"
)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of the headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for path, _, anchor in re.findall(r"\]\((?!http)([^)#]*)(#?)([^)]*)\)", text):
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), path
        assert not anchor or anchor in anchors(there), f"{path}#{anchor}"


def test_every_code_of_an_error_is_explained_and_there_are_no_others():
    stated = set(re.findall(r'\bcode(?:: \w+[^=\n]*)? ?= ?"([a-z_]+)"', SOURCES))
    stated |= set(re.findall(r'message, code = .*"([a-z_]+)"$', SOURCES, re.M))
    stated |= set(re.findall(r"error_file \d+ '[^']+' \w+ (\w+)", SOURCES))
    rows = re.findall(r"^\| [45]\d\d[^|]*\|([^|]*)\|", HTTP, re.M)
    explained = set(re.findall(r"`([a-z_]+)`", "".join(rows)))

    assert stated - explained == set()
    for code in explained:
        head = re.sub(r"^(expired|revoked)_|(?<=timeout)_.*$", "", code)
        assert head in SOURCES, code


def test_every_path_is_listed():
    made = gateway()
    artifacts = ArtifactAdmin(None, made)
    admin = Admin(
        None, AdminKey("x"), lambda: made.directory, artifacts, backends=["fake"]
    )
    for route in build_api(made, admin=admin).routes:
        path = route.path.removeprefix("/admin/v1").replace("{model:path}", "{id}")
        if path.startswith("/tiers/"):
            continue
        if "/rollout" in path:
            path = path.removeprefix("/tenants/{tenant_id}")
        assert re.search(rf"{re.escape(path)}[`, ]", HTTP), route.path


def test_every_routing_option_is_told():
    table = HTTP.partition("| `routing.…` |")[2].partition("\n## ")[0]
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.M)))
    assert set(told) == set(RoutingOptions.model_fields)


def test_every_header_of_an_answer_is_told():
    headers = set(re.findall(r'"(x-(?:rout|resp|budget|request)[a-z-]+)"', SOURCES))

    assert headers
    for header in headers:
        assert f"`{header}`" in HTTP


def test_every_page_is_linked_from_the_first():
    for page in ROOT.glob("docs/*.md"):
        assert f"](docs/{page.name})" in text_of(README), page.name


FOLDERS = "artifacts|deployments|docs|k8s|requirements|scripts|serve_app|tests"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_a_page_names_is_there(page):
    for span in spans(text_of(page)):
        if told := re.fullmatch(rf"(?:\./)?((?:{FOLDERS})/[\w./-]*\w)", span):
            assert (ROOT / told[1]).exists(), span


def told_under(heading: str) -> set[str]:
    section = HTTP.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(\w+)`", section))


def fields_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(fields_in, value.values()))
    return set().union(*map(fields_in, value)) if isinstance(value, list) else set()


def test_every_field_of_a_decision_is_told():
    chosen = replace(
        decision(RouteQuery("q", 0.5)),
        staying=Staying("small", 0.0, 0.0, 0.0, True),
        shadow=Shadow("id", "small", 0.0, True),
    )
    n = len(chosen.ranking)
    view = ClusterView(0, 0.5, (0.5,) * n, (0.1,) * n, (1,) * n)
    explained = Explanation(chosen, (view,), RouteTimings(0.0, 0.0))
    plan = Plan(None, 0.5, None, None, chosen.ranking, {})  # it tells no tenant
    found = fields_in(route_report(explained, plan, 0.0)) - {*chosen.ranking}

    assert found - {"object"} - told_under("A decision") == set()


def test_every_field_of_usage_is_told():
    row = UsageRow(0, 0, 0, None, None, None, None, 0, None, 0, 0, 0, 0, 0.0)
    report = usage_report(UsageQuery(NOW, NOW), [row], None)
    budget = shown_budget(BudgetState("t", 0.0, 0.0, None, None, NOW, NOW))
    found = fields_in({**report, "budget": budget})

    assert found - {"object"} - told_under("Usage") == set()


def test_every_column_of_an_export_is_told():
    assert get_type_hints(UsageRecord).keys() - told_under("Usage") == set()
