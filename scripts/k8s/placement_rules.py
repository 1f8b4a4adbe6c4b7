"""Whether what a Serve config asks for can ever be placed on the groups there are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.k8s.finding import Finding
from scripts.k8s.rayservice import Group
from serve_app.config import AppConfig


def check_placement(
    where: str, app: Mapping[str, Any], config: AppConfig, groups: Sequence[Group]
) -> Iterator[Finding]:
    """`app`: the application as it stands in the Serve config; `groups`: of workers."""
    yield from _placeable(where, app, groups)
    for engine in _engines(config):
        yield from _engine(where, engine, groups)


def _placeable(
    where: str, app: Mapping[str, Any], groups: Sequence[Group]
) -> Iterator[Finding]:
    """Each replica fits into some pod; one that fits into none waits for ever."""
    for one in app.get("deployments") or ():
        options = one.get("ray_actor_options") or {}
        cpus, gpus = options.get("num_cpus", 0), options.get("num_gpus", 0)
        if not any(_cpus(g) >= cpus and _gpus(g) >= gpus for g in groups):
            what = (
                f"a replica asks for {cpus:g} CPUs and {gpus:g} GPUs; no group has that"
            )
            yield Finding(f"{where} {one.get('name')}", what)


@dataclass(frozen=True)
class _Engine:
    """A vLLM of one replica; `gpus`: those that must be of one node."""

    name: str
    kind: str | None
    gpus: int

    @property
    def cpus(self) -> int:
        """One beside each GPU, and one of the replica."""
        return self.gpus + 1


def _engines(config: AppConfig) -> Iterator[_Engine]:
    for spec in config.catalog.models:
        if spec.vllm and spec.vllm.device == "gpu":
            packed = spec.vllm.placement_strategy == "STRICT_PACK"
            gpus = spec.vllm.gpus if packed else 1
            yield _Engine(spec.id, spec.vllm.accelerator_type, gpus)
    embedder = config.embedder
    if embedder.engine == "vllm" and embedder.device != "cpu":
        kind = embedder.vllm.accelerator_type if embedder.vllm else None
        yield _Engine("embedder", kind, 1)


def _engine(where: str, engine: _Engine, groups: Sequence[Group]) -> Iterator[Finding]:
    """Ray's autoscaler reads of a group that has no node yet what stands in it, and an
    accelerator's type is a resource that Ray itself finds only on a node."""
    resource = f"accelerator_type:{engine.kind}"
    of_kind = [g for g in groups if not engine.kind or _resources(g).get(resource)]
    if not of_kind:
        what = (
            f"its accelerator_type asks for {resource!r}; without that in some "
            "group's rayStartParams.resources no node is ever started for it"
        )
        yield Finding(f"{where} {engine.name}", what)
    elif not any(_cpus(g) >= engine.cpus and _gpus(g) >= engine.gpus for g in of_kind):
        what = (
            f"its engine asks for {engine.cpus} CPUs and {engine.gpus} GPUs of one "
            "node; no group has that"
        )
        yield Finding(f"{where} {engine.name}", what)


def _resources(group: Group) -> Mapping[str, Any]:
    """Of its own; a string of a shell in a string of JSON, as the operator wants it."""
    stated = group.spec.get("resources") or {}
    text = group.params.get("resources")
    return {**stated, **json.loads(json.loads(text))} if text else stated


def _cpus(group: Group) -> float:
    stated = group.params.get("num-cpus")
    return float(stated) if stated is not None else group.limit("cpu")


def _gpus(group: Group) -> float:
    return group.limit("nvidia.com/gpu")
