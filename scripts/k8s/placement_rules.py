"""Whether what a Serve config asks for can ever be placed on the groups there are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.rayservice import Group, groups_of
from serve_app.config import AppConfig

# On a RayService whose nodes are meant to be fewer than Serve may ask for.
_FEWER = {"avengers/bounded-by": "nodes"}
_AUTO_MOST = 100  # Serve's own, of `num_replicas: auto`


def check_placement(
    service: Object, app: Mapping[str, Any], config: AppConfig
) -> Iterator[Finding]:
    """`app`: the application as it stands in the Serve config."""
    where = f"{named(service)} serveConfigV2"
    groups = list(groups_of(service))
    workers = [group for group in groups if not group.is_head]
    yield from _placeable(where, app, workers)
    for engine in _engines(config):
        yield from _engine(where, engine, workers)
    annotations = service["metadata"].get("annotations") or {}
    fewer = annotations.items() >= _FEWER.items()
    yield from _together(where, [*_asked(app, config)], workers, fewer=fewer)
    yield from _builder(where, app, config, groups)


def _placeable(
    where: str, app: Mapping[str, Any], groups: Sequence[Group]
) -> Iterator[Finding]:
    """Each replica fits into some pod; one that fits into none waits for ever."""
    for one in app.get("deployments") or ():
        cpus, gpus = _of_replica(one)
        if not any(_cpus(g) >= cpus and _gpus(g) >= gpus for g in groups):
            what = (
                f"a replica asks for {cpus:g} CPUs and {gpus:g} GPUs; no group has that"
            )
            yield Finding(f"{where} {one.get('name')}", what)


def _of_replica(deployment: Mapping[str, Any]) -> tuple[float, float]:
    options = deployment.get("ray_actor_options") or {}
    return options.get("num_cpus", 0), options.get("num_gpus", 0)


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


@dataclass(frozen=True)
class _Asked:
    """The replicas of one deployment: what each takes, and how many there may be."""

    cpus: float
    gpus: float
    least: int
    most: int


def _asked(app: Mapping[str, Any], config: AppConfig) -> Iterator[_Asked]:
    """As the Serve config has them; a local model's stand in the catalog."""
    for one in app.get("deployments") or ():
        cpus, gpus = _of_replica(one)
        if one.get("name") == "Embedder" and config.embedder.engine == "vllm":
            cpus, gpus = (2, 1) if config.embedder.device != "cpu" else (1, 0)
        yield _Asked(cpus, gpus, *_replicas(one))
    for spec in config.catalog.models:
        if spec.vllm and spec.vllm.device == "gpu":
            gpus, scaled = spec.vllm.gpus, spec.vllm.autoscaling
            yield _Asked(gpus + 1, gpus, scaled.min_replicas, scaled.max_replicas)


def _replicas(deployment: Mapping[str, Any]) -> tuple[int, int]:
    stated = deployment.get("num_replicas")
    scaled = deployment.get("autoscaling_config") or {}
    fixed = stated if isinstance(stated, int) else 1
    most = _AUTO_MOST if stated == "auto" else fixed
    return scaled.get("min_replicas", fixed), scaled.get("max_replicas", most)


def _together(
    where: str, asked: Sequence[_Asked], groups: Sequence[Group], *, fewer: bool
) -> Iterator[Finding]:
    """Serve goes on asking for replicas that no node will hold, and tells nobody."""
    cpus = sum(group.spec.get("maxReplicas", 0) * _cpus(group) for group in groups)
    gpus = sum(group.spec.get("maxReplicas", 0) * _gpus(group) for group in groups)
    for what, there, each in (
        ("CPUs", cpus, [one.cpus for one in asked]),
        ("GPUs", gpus, [one.gpus for one in asked]),
    ):
        numbers = list(zip(each, asked, strict=True))
        least = sum(size * one.least for size, one in numbers)
        most = sum(size * one.most for size, one in numbers)
        held = f"all groups at their maxReplicas have {there:g}"
        if least > there:
            yield Finding(where, f"it asks for {least:g} {what} at least; {held}")
        elif most > there and not fewer:
            [(name, value)] = _FEWER.items()
            meant = f"where that is meant, the annotation {name}: {value} says so"
            yield Finding(where, f"it may ask for {most:g} {what}, and {held}; {meant}")


def _builder(
    where: str, app: Mapping[str, Any], config: AppConfig, groups: Sequence[Group]
) -> Iterator[Finding]:
    """Ray builds an application in a task that asks for nothing, so on any node, the
    head's included; with vLLM in it that wants vLLM. A label_selector pins the task."""
    local = any(spec.backend == "vllm" for spec in config.catalog.models)
    if not (local or config.embedder.engine == "vllm"):
        return
    deployments = app.get("deployments") or ()
    options = [one.get("ray_actor_options") or {} for one in deployments]
    if any(one.get("label_selector") for one in options):
        return
    images: dict[str, list[str]] = {}
    for group in groups:
        for container in group.containers[:1]:
            images.setdefault(str(container.get("image")), []).append(group.name)
    if len(images) > 1:
        said = " and ".join(
            f"{image} ({', '.join(of)})" for image, of in sorted(images.items())
        )
        what = "with vLLM in it all groups run the image that has it; these are"
        yield Finding(where, f"Ray builds the application on any node: {what} {said}")


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
