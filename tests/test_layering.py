"""Imports go one way: artifacts ← deployments ← serve_app, and so inside each."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "artifacts": {"deployments", "serve_app", "ray", "httpx", "fastapi", "starlette"},
    "deployments": {"serve_app", "fastapi", "starlette"},
    "serve_app": {"tests", "scripts"},
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_layer_imports_what_lies_above_it(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not imported(path) & FORBIDDEN[package], path


def rooms(package: str) -> dict[str, set[str]]:
    """What each folder of a layer, and each file beside them, imports of the others."""
    needed: dict[str, set[str]] = {}
    for path in (ROOT / package).rglob("*.py"):
        room = ".".join(path.relative_to(ROOT).with_suffix("").parts[:2])
        found = needed.setdefault(room, set())
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(".".join(node.module.split(".")[:2]))
        found.discard(room)
    return needed


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_room_of_a_layer_needs_one_that_needs_it(package):
    TopologicalSorter(rooms(package)).prepare()  # CycleError names those that do
