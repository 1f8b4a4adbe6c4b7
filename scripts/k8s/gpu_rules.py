"""Where pods with GPUs are placed, and where they write what they compile for them.

Pods with a few GPUs must not take them from a group that needs a node's all.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from scripts.k8s.finding import Finding, Object
from scripts.k8s.rayservice import Group, groups_of, ray_services
from scripts.k8s.surroundings import matches

_GPU = "nvidia.com/gpu"
_KERNELS = "TRITON_CACHE_DIR"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def check_gpu_rules(manifests: Sequence[Object]) -> Iterator[Finding]:
    """The groups of all RayServices: they share a cluster's nodes."""
    groups = [g for s in ray_services(manifests) for g in groups_of(s) if g.limit(_GPU)]
    for group in groups:
        if not _writable(group, group.env.get(_KERNELS)):
            what = f"{_KERNELS} must lie on a volume that can be written"
            yield Finding(group.where, f"{what}: an engine that cannot ends at once")
    for large in groups:
        nodes = large.pod.get("nodeSelector") or {}
        for small in groups:
            fewer = small.limit(_GPU) < large.limit(_GPU)
            if fewer and nodes and not _kept_off(small, nodes):
                what = (
                    f"its pods may take GPUs on the nodes of {large.name}, which needs "
                    f"{large.limit(_GPU):g} on one; a nodeSelector or nodeAffinity "
                    f"keeps them off {dict(nodes)}"
                )
                yield Finding(small.where, what)


def _writable(group: Group, path: str | None) -> bool:
    """With a read-only root only what is mounted can be."""
    mounts = group.containers[0].get("volumeMounts") or ()
    volumes = {
        PurePosixPath(one["mountPath"]) for one in mounts if not one.get("readOnly")
    }
    return path is not None and not volumes.isdisjoint(
        {PurePosixPath(path), *PurePosixPath(path).parents}
    )


def _kept_off(group: Group, nodes: Mapping[str, str]) -> bool:
    """Whether its pods cannot go to a node of which only these labels are known."""
    own = group.pod.get("nodeSelector") or {}
    if any(own[key] != nodes[key] for key in own.keys() & nodes.keys()):
        return True
    affinity = (group.pod.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ()
    return bool(terms) and all(_excludes(term, nodes) for term in terms)


def _excludes(term: Mapping[str, Any], nodes: Mapping[str, str]) -> bool:
    return any(
        not matches({"matchExpressions": [rule]}, nodes)
        for rule in term.get("matchExpressions") or ()
        if rule["key"] in nodes and rule["operator"] not in ("Gt", "Lt")
    )
