"""Whether what a Serve config asks for can ever be placed on the groups there are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.k8s.finding import Finding
from scripts.k8s.rayservice import Group
from serve_app.config import AppConfig


def check_placement(
    where: str, app: Mapping[str, Any], config: AppConfig, groups: Sequence[Group]
) -> Iterator[Finding]:
    """`app`: the application as it stands in the Serve config; `groups`: of workers."""
    yield from _placeable(where, app, groups)
    yield from _accelerators(where, config, groups)


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


def _accelerators(
    where: str, config: AppConfig, groups: Sequence[Group]
) -> Iterator[Finding]:
    """Ray's autoscaler reads of a group that has no node yet what stands in it, and an
    accelerator's type is a resource that Ray itself finds only on a node."""
    asked = {spec.id: spec.vllm for spec in config.catalog.models if spec.vllm}
    asked |= {"embedder": config.embedder.vllm} if config.embedder.vllm else {}
    for name, engine in asked.items():
        kind = engine.accelerator_type
        resource = f"accelerator_type:{kind}"
        if kind and not any(_resources(group).get(resource) for group in groups):
            what = (
                f"its accelerator_type asks for {resource!r}; without that in some "
                "group's rayStartParams.resources no node is ever started for it"
            )
            yield Finding(f"{where} {name}", what)


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
