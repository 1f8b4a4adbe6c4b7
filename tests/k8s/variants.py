"""Variants of the committed production render: one change each, in a file."""

from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from scripts.k8s.render import golden

HERE = Path(__file__).parent
_SERVICE = {"kind": "RayService", "name": "avengers"}


def files(folder: str) -> list[Path]:
    """All variants in a folder."""
    return sorted((HERE / folder).glob("*.yaml"))


def manifests_of(file: Path) -> str:
    """The production overlay with what the file changes.

    `patch` goes to `target` (the RayService unless stated), `serve` to its Serve
    config; `drop` and `add` are objects; `text` changes the render itself.
    """
    variant = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    text = golden("prod").read_text(encoding="utf-8")
    if change := variant.get("text"):
        assert text.count(change["replace"]) == 1
        return text.replace(change["replace"], change["by"])
    objects = [one for one in yaml.safe_load_all(text) if not _listed(one, variant)]
    if change := variant.get("patch"):
        target = _find(objects, variant.get("target", _SERVICE))
        jsonpatch.apply_patch(target, change, in_place=True)
    if change := variant.get("serve"):
        spec = _find(objects, _SERVICE)["spec"]
        config = yaml.safe_load(spec["serveConfigV2"])
        spec["serveConfigV2"] = yaml.safe_dump(jsonpatch.apply_patch(config, change))
    return yaml.safe_dump_all([*objects, *variant.get("add", ())])


def _listed(one: dict[str, Any], variant: dict[str, Any]) -> bool:
    name = {"kind": one["kind"], "name": one["metadata"]["name"]}
    return name in variant.get("drop", ())


def _find(objects: list[dict[str, Any]], wanted: dict[str, str]) -> dict[str, Any]:
    [found] = [
        one
        for one in objects
        if one["kind"] == wanted["kind"] and one["metadata"]["name"] == wanted["name"]
    ]
    return found
