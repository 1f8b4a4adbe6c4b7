"""A RayService as the rules read it: its pods' templates, and its Serve config."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from scripts.k8s import documents
from scripts.k8s.finding import Object, named

HEAD = "head"
_UNITS = {
    "m": 1e-3,
    **{f"{unit}i": 2.0 ** (10 * n) for n, unit in enumerate("KMGTPE", 1)},
    **{unit: 1e3**n for n, unit in enumerate("kMGTPE", 1)},
}


@dataclass(frozen=True)
class Group:
    """The head or one worker group."""

    name: str
    where: str
    spec: Mapping[str, Any]

    @property
    def is_head(self) -> bool:
        return self.name == HEAD

    @property
    def template(self) -> Mapping[str, Any]:
        return self.spec.get("template") or {}

    @property
    def pod(self) -> Mapping[str, Any]:
        return self.template.get("spec") or {}

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        return self.pod.get("containers") or ()

    @property
    def labels(self) -> Mapping[str, str]:
        """Of its pods, with those that the operator adds."""
        own = (self.template.get("metadata") or {}).get("labels") or {}
        kind = {"ray.io/node-type": "head" if self.is_head else "worker"}
        group = "headgroup" if self.is_head else self.name
        return {**own, **kind, "ray.io/group": group}

    @property
    def params(self) -> Mapping[str, Any]:
        return self.spec.get("rayStartParams") or {}

    @property
    def env(self) -> dict[str, Any]:
        """Variables of Ray's container; None where the value comes from elsewhere."""
        listed = self.containers[0].get("env") or () if self.containers else ()
        return {item["name"]: item.get("value") for item in listed}

    def limit(self, resource: str) -> float:
        """What Ray's container may use of it; 0 where nothing is said."""
        if not self.containers:
            return 0.0
        limits = (self.containers[0].get("resources") or {}).get("limits") or {}
        return quantity(limits.get(resource, 0))


def quantity(value: str | float) -> float:
    """Kubernetes' way to write a number: 500m, 16Gi, 16G."""
    text = str(value)
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def ray_services(manifests: Sequence[Object]) -> list[Object]:
    """Those among the manifests."""
    return [one for one in manifests if one.get("kind") == "RayService"]


def cluster_of(service: Object) -> Mapping[str, Any]:
    """Its rayClusterConfig."""
    return (service.get("spec") or {}).get("rayClusterConfig") or {}


def groups_of(service: Object) -> Iterator[Group]:
    """The head, then the worker groups."""
    cluster = cluster_of(service)
    where = f"{named(service)} spec.rayClusterConfig"
    yield Group(HEAD, f"{where}.headGroupSpec", cluster.get("headGroupSpec") or {})
    for index, spec in enumerate(cluster.get("workerGroupSpecs") or ()):
        name = spec.get("groupName") or str(index)
        yield Group(name, f"{where}.workerGroupSpecs[{name}]", spec)


def serve_config_of(service: Object) -> dict[str, Any] | None:
    """What stands in serveConfigV2; None where it is not a mapping in YAML."""
    text = (service.get("spec") or {}).get("serveConfigV2") or ""
    try:
        config = documents.load(text)
    except yaml.YAMLError:
        return None
    return config if isinstance(config, dict) else None
