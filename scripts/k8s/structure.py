"""The shape of each manifest: JSON Schema, and lists that are keyed.

Built-in kinds go through kubernetes-validate, whose schemas are the API server's own;
RayService through the schema of KubeRay's CRD, which is not part of this repository
(`schema_directory`). PodMonitor, PrometheusRule, ServiceMonitor and HTTPRoute have
small schemas here, written for the fields that this repository uses. A kind that nobody
knows is a finding: nothing passes because it was not looked at.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
from jsonschema import Draft202012Validator

from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.rayservice import groups_of, ray_services
from scripts.k8s.render import ROOT

KUBERNETES = "1.32"
_OURS = Path(__file__).with_name("schemas")
_GROUPS = {"monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1"}


def schema_directory() -> Path:
    """Where the CRDs' schemas lie: AVENGERS_K8S_SCHEMAS, else ../shared/k8s."""
    named = os.environ.get("AVENGERS_K8S_SCHEMAS")
    return Path(named) if named else ROOT.parent / "shared/k8s"


def check_structure(manifests: Sequence[Object]) -> Iterator[Finding]:
    """All manifests, and the pods that Ray's groups are templates of."""
    for manifest in manifests:
        version = str(manifest.get("apiVersion", ""))
        if version.startswith("ray.io/"):
            yield from _by_schema(manifest, schema_directory(), optional=True)
        elif version in _GROUPS:
            yield from _by_schema(manifest, _OURS)
        else:
            yield from _built_in(manifest)
    for pod in pods(manifests):
        yield from _built_in(pod)


def pods(manifests: Sequence[Object]) -> Iterator[dict[str, Any]]:
    """Each group's template as a Pod of its own, which other tools can read."""
    for service in ray_services(manifests):
        for group in groups_of(service):
            name = f"{service['metadata']['name']}-{group.name}"
            metadata = {**(group.template.get("metadata") or {}), "name": name}
            spec = dict(group.pod)
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": spec,
            }


def _by_schema(
    manifest: Object, directory: Path, *, optional: bool = False
) -> Iterator[Finding]:
    kind = str(manifest.get("kind"))
    file = f"{str(manifest['apiVersion']).replace('/', '_')}_{kind}.json"
    if not (directory / file).is_file():
        if not optional or directory.is_dir():
            yield Finding(named(manifest), f"there is no schema for this kind ({file})")
        return
    schema = _schema(directory / file)
    for error in Draft202012Validator(schema).iter_errors(manifest):
        path = ".".join(map(str, error.absolute_path)) or "."
        yield Finding(f"{named(manifest)} {path}", _short(error.message))
    yield from keyed_lists(manifest, schema, named(manifest))


@cache
def _schema(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _short(message: str, length: int = 300) -> str:
    """jsonschema quotes the whole value in front of what is wrong with it."""
    return message if len(message) <= length else f"… {message[-length:]}"


def _built_in(manifest: Object) -> Iterator[Finding]:
    try:
        kubernetes_validate.validate(dict(manifest), KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(map(str, error.path)) or "."
        yield Finding(f"{named(manifest)} {path}", _short(error.message))
    except kubernetes_validate.SchemaNotFoundError:
        version = manifest.get("apiVersion")
        yield Finding(named(manifest), f"no schema for {version} in {KUBERNETES}")


def keyed_lists(value: Any, schema: Any, where: str) -> Iterator[Finding]:
    """Items of a list of type map that have the same keys: the server refuses them."""
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        for name, item in value.items():
            if name in properties:
                yield from keyed_lists(item, properties[name], f"{where}.{name}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        keys = schema.get("x-kubernetes-list-map-keys", ())
        defaults = schema.get("items", {}).get("properties", {})
        seen = set()
        for item in value:
            if keys:
                key = tuple(item.get(k, defaults[k].get("default")) for k in keys)
                if key in seen:
                    what = f"{', '.join(keys)} {key!r} stands twice"
                    yield Finding(where, what)
                seen.add(key)
            yield from keyed_lists(item, schema.get("items", {}), where)
