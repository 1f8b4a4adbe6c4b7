"""The expressions of the dashboards and rules, and which metrics they are about."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MONITORING = Path(__file__).parents[2] / "k8s/base/monitoring"

_STRING = r'"(?:[^"\\]|\\.)*"'
_MATCHERS = rf"\{{(?:[^}}\"]|{_STRING})*\}}"
_SELECTOR = re.compile(rf"([A-Za-z_:][\w:]*)\s*({_MATCHERS})?|{_MATCHERS}")
_LABEL_LISTS = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
)
_RANGES = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_KEYWORDS = {"and", "or", "unless", "bool", "inf", "nan"}
_KEPT = re.compile(rf"{_MATCHERS}|{_STRING}")
_COMPARED = re.compile(r"(>=|<=|==|!=|>|<)(?!\s*bool\b)")
_SHIFT = re.compile(r"\s+offset\s+\w+")
_VARIABLES = {"$__rate_interval": "30s", "$__range": "10m", "$tenant": ".*"}
_LABEL_VALUES = re.compile(r"label_values\((.+),\s*(\w+)\)")


@dataclass(frozen=True, slots=True)
class Query:
    """One expression; `where` names its panel or rule."""

    file: str
    where: str
    expression: str


def dashboards(directory: Path = MONITORING) -> dict[str, dict[str, Any]]:
    """The dashboards by the names of their files."""
    files = sorted((directory / "dashboards").glob("*.json"))
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in files}


def dashboard_queries(file: str, dashboard: dict[str, Any]) -> Iterator[Query]:
    """What its variables and panels ask, Grafana's own variables filled in."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            values = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert values, f"{file}: a variable that is not label_values(…)"
            asked = f"group by ({values[2]}) ({values[1]})"
            yield Query(file, f"variable {variable['name']}", asked)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Query(file, panel["title"], filled_in(target["expr"]))


def filled_in(expression: str) -> str:
    """An expression as Grafana would send it."""
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def rule_groups(directory: Path = MONITORING) -> list[dict[str, Any]]:
    """The groups of the PrometheusRule, as Prometheus itself reads them."""
    text = (directory / "prometheusrule.yaml").read_text(encoding="utf-8")
    groups: list[dict[str, Any]] = yaml.safe_load(text)["spec"]["groups"]
    return groups


def rule_queries(groups: list[dict[str, Any]]) -> Iterator[Query]:
    """Expressions of alerts and of what is recorded for them."""
    for group in groups:
        for rule in group["rules"]:
            name = rule.get("alert") or rule["record"]
            yield Query("prometheusrule.yaml", name, rule["expr"].strip())


def unfiltered(expression: str) -> str:
    """An expression in which comparisons say 0 or 1, and nothing is of an earlier time.

    It has a value wherever the expression could have one: what has none could never
    fire, as where labels are compared that no two series have in common.
    """
    parts, done = [], 0
    for kept in _KEPT.finditer(expression):
        parts += [_judged(expression[done : kept.start()]), kept[0]]
        done = kept.end()
    return "".join([*parts, _judged(expression[done:])])


def _judged(text: str) -> str:
    return _COMPARED.sub(r"\1 bool", _SHIFT.sub("", text))


def selectors(expression: str) -> set[tuple[str, str]]:
    """Each metric that is named, with its label matchers (`{…}` or nothing).

    Whatever is neither a function nor a word of the language is a metric, so that one
    whose name is misspelt is found, too. Matchers alone, of many names, are left out.
    """
    text = _RANGES.sub(" ", _LABEL_LISTS.sub(" ", expression))
    found = set()
    for match in _SELECTOR.finditer(text):
        name, matchers = match[1] or "", match[2] or ""
        called = text[match.end() :].lstrip().startswith("(")
        aggregation = name in {"by", "without"}
        if not name or called or aggregation or name.lower() in _KEYWORDS:
            continue
        found.add((name, matchers))
    return found
