"""The pages tell the truth where a machine can tell."""

import re
from pathlib import Path

import pytest

from serve_app.answering.chat import RoutingOptions
from serve_app.http.admin import Admin
from serve_app.http.admin_artifacts import ArtifactAdmin
from serve_app.http.admin_key import AdminKey
from serve_app.http.api import build_api
from tests.fakes import gateway

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), ROOT / "k8s/README.md")
HTTP = (ROOT / "docs/http.md").read_text(encoding="utf-8")
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
