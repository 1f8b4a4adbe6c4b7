"""See scripts/configuration."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.marked import write_part
from serve_app.config import AppConfig
from serve_app.live_settings import LiveSettings

PAGE = Path(__file__).parents[1] / "docs/configuration.md"
PART = "settings: scripts/configuration --docs"

_Schema = Mapping[str, Any]
_BOUNDS = (
    ("minimum", "≥"),
    ("exclusiveMinimum", ">"),
    ("maximum", "≤"),
    ("exclusiveMaximum", "<"),
)
_REQUIRED = object()
_KINDS = {"string": "text", "boolean": "true or false", "object": "mapping"}


def page_part() -> str:
    """All settings as Markdown: a section for each key under `args`."""
    schema = AppConfig.model_json_schema()
    sections = []
    for name, told in schema["properties"].items():
        live = " (live)" if name in LiveSettings.model_fields else ""
        rows = list(_rows(name, told, schema["$defs"]))
        table = ["| key | value | default | |", "|---|---|---|---|", *rows]
        sections.append(f"## `{name}`{live}\n\n" + "\n".join(table))
    return "\n\n".join(sections)


def _rows(name: str, told: _Schema, defs: _Schema) -> Iterator[str]:
    """Of one setting, and of those in it."""
    one, many = _inner(told)
    inside = defs.get(one.get("$ref", "").rpartition("/")[2])
    if inside is None or "properties" not in inside:
        yield _row(name, told, _kind(inside or told))
        return
    if told.get("description"):
        yield _row(name, told, _KINDS["object"] if many != "[]" else "list")
    required = inside.get("required", ())
    for key, inner in inside["properties"].items():
        stated = {"default": _REQUIRED if key in required else None} | inner
        yield from _rows(f"{name}{many}.{key}", stated, defs)


def _inner(told: _Schema) -> tuple[_Schema, str]:
    """What stands at the key, and how often: once, in a list, under names."""
    for choice in told.get("anyOf", ()):
        if choice.get("type") != "null":
            return _inner(choice)
    if told.get("type") == "array":
        return told["items"], "[]"
    if isinstance(told.get("additionalProperties"), Mapping):
        return told["additionalProperties"], ".NAME"
    return told, ""


def _row(name: str, told: _Schema, kind: str) -> str:
    default = told.get("default")
    if default is _REQUIRED:
        stated = "required"
    elif default is None or default in ("", {}, []):
        stated = "–"
    elif "$ref" in told:
        stated = "as below"
    else:
        value = sorted(default) if isinstance(default, list) else default
        stated = f"`{json.dumps(value, ensure_ascii=False)}`"
    what = told.get("description", "").replace("|", "\\|")
    return f"| `{name}` | {kind} | {stated} | {what} |"


def _kind(told: _Schema) -> str:
    choices = [one for one in told.get("anyOf", ()) if one.get("type") != "null"]
    if choices:
        return " or ".join(dict.fromkeys(map(_kind, choices)))
    if "enum" in told or "const" in told:
        values = told.get("enum", [told.get("const")])
        return ", ".join(f"`{json.dumps(value)}`" for value in values)
    if told.get("type") == "array":
        return f"list of {_kind(told['items'])}"
    if isinstance(told.get("additionalProperties"), Mapping):
        return f"mapping to {_kind(told['additionalProperties'])}"
    bounds = (f" {sign} {_figure(told[key])}" for key, sign in _BOUNDS if key in told)
    kind = told.get("type", "any")
    return _KINDS.get(kind, kind) + ",".join(bounds)


def _figure(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def main() -> int:
    """Print, or write the page."""
    parser = argparse.ArgumentParser(prog="scripts/configuration")
    parser.add_argument("--docs", action="store_true", help="write the page anew")
    if parser.parse_args().docs:
        write_part(PAGE, PART, page_part())
    else:
        print(page_part())
    return 0


if __name__ == "__main__":
    sys.exit(main())
