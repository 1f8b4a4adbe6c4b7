"""What KubeRay 1.7.0 refuses after its CRD has accepted it.

Stated again after the operator's validation; the CRD's schema says none of it. A
manifest that breaks one is stored by the API server and never becomes a cluster.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.rayservice import Group, cluster_of, groups_of, ray_services

_LONGEST_NAME = 47
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_DURATION = re.compile(r"([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+|[0-9]+")
INCREMENTAL = "NewClusterWithIncrementalUpgrade"
_UPGRADES = ("NewCluster", "None", INCREMENTAL)
_MANAGERS = ("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue")
# Alpha in 1.7: without its feature gate the operator refuses the whole resource.
_GATED = ("networkPolicy", "tlsOptions", "historyServerOptions")
# Of the head, when gcsFaultToleranceOptions are set.
_REDIS_ENV = ("RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME")
_TIMEOUT = "ray.io/initializing-timeout"


def check_operator_rules(manifests: Sequence[Object]) -> Iterator[Finding]:
    """All RayServices."""
    for service in ray_services(manifests):
        yield from _metadata(service)
        yield from _upgrade(service)
        yield from _cluster(service)
        for group in groups_of(service):
            yield from _group(group, cluster_of(service))


def _metadata(service: Object) -> Iterator[Finding]:
    metadata = service.get("metadata") or {}
    name, where = str(metadata.get("name", "")), named(service)
    if len(name) > _LONGEST_NAME:
        yield Finding(where, f"a name has at most {_LONGEST_NAME} characters")
    if not _DNS_1035.fullmatch(name):
        yield Finding(
            where, "a name is made of a-z, 0-9 and -, and begins with a letter"
        )
    annotations = metadata.get("annotations") or {}
    timeout = annotations.get(_TIMEOUT, "1s")
    if not _DURATION.fullmatch(timeout) or not re.search("[1-9]", timeout):
        yield Finding(where, f"{_TIMEOUT}: {timeout!r} is no duration above 0")
    for annotation in ("ray.io/ft-enabled", "ray.io/external-storage-namespace"):
        if annotation in annotations:
            what = f"{annotation}: only gcsFaultToleranceOptions configure this"
            yield Finding(where, what)
    manager = (service.get("spec") or {}).get("managedBy", _MANAGERS[0])
    if manager not in _MANAGERS:
        yield Finding(
            f"{where} spec.managedBy", f"{manager!r} is not one of {_MANAGERS}"
        )


def _upgrade(service: Object) -> Iterator[Finding]:
    strategy = (service.get("spec") or {}).get("upgradeStrategy") or {}
    where, kind = f"{named(service)} spec.upgradeStrategy", strategy.get("type")
    if kind is not None and kind not in _UPGRADES:
        yield Finding(where, f"type: {kind!r} is not one of {', '.join(_UPGRADES)}")
    if kind == INCREMENTAL:
        yield from _incremental(strategy.get("clusterUpgradeOptions"), service, where)


def _incremental(
    options: Mapping[str, Any] | None, service: Object, where: str
) -> Iterator[Finding]:
    if not options:
        yield Finding(where, "an incremental upgrade needs clusterUpgradeOptions")
        return
    surge, step = options.get("maxSurgePercent", 100), options.get("stepSizePercent", 0)
    if not 0 <= step <= surge <= 100:
        what = f"stepSizePercent {step} and maxSurgePercent {surge}"
        yield Finding(where, f"{what}: 0 to 100, the step not above the surge")
    if options.get("intervalSeconds", 0) <= 0:
        yield Finding(where, "intervalSeconds must be above 0")
    if not options.get("gatewayClassName"):
        yield Finding(where, "gatewayClassName is needed")
    if not cluster_of(service).get("enableInTreeAutoscaling"):
        yield Finding(where, "an incremental upgrade needs enableInTreeAutoscaling")


def _cluster(service: Object) -> Iterator[Finding]:
    cluster, where = cluster_of(service), f"{named(service)} spec.rayClusterConfig"
    if "upgradeStrategy" in cluster:
        yield Finding(where, "upgradeStrategy belongs to the RayService, not here")
    for name in _GATED:
        if name in cluster:
            yield Finding(f"{where}.{name}", "its feature gate is off (alpha in 1.7)")
    storage = cluster.get("gcsFaultToleranceOptions") or {}
    if storage.get("backend") == "rocksdb":
        yield Finding(where, "backend rocksdb: its feature gate is off (alpha in 1.7)")
    auth = cluster.get("authOptions") or {}
    if auth.get("enableK8sTokenAuth"):
        yield Finding(
            where, "authOptions.enableK8sTokenAuth is refused for a RayService"
        )
    if auth.get("mode") == "token" and _version(cluster) < (2, 52):
        yield Finding(where, "authOptions.mode token needs rayVersion 2.52 or later")
    head = cluster.get("headGroupSpec") or {}
    name = ((head.get("headService") or {}).get("metadata") or {}).get("name")
    if name:
        yield Finding(where, "headGroupSpec.headService.metadata.name must not be set")


def _version(cluster: Mapping[str, Any]) -> tuple[int, ...]:
    parts = str(cluster.get("rayVersion", "0")).split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def _group(group: Group, cluster: Mapping[str, Any]) -> Iterator[Finding]:
    where = group.where
    if not group.containers:
        yield Finding(where, "a group has at least one container")
    if "labels" in group.params:
        yield Finding(where, "rayStartParams.labels is refused; use the group's labels")
    for key, value in (group.spec.get("labels") or {}).items():
        if len(str(value)) > 63 or not _LABEL_VALUE.fullmatch(str(value)):
            yield Finding(where, f"labels.{key}: {value!r} is no label")
    sizes = {"num-cpus", "num-gpus", "memory", "resources"} & group.params.keys()
    if sizes and group.spec.get("resources"):
        yield Finding(
            where, "resources stand in rayStartParams or in resources, not both"
        )
    if group.spec.get("minReplicas", 0) > group.spec.get("maxReplicas", 2**31 - 1):
        yield Finding(where, "minReplicas is above maxReplicas")
    if group.is_head and cluster.get("gcsFaultToleranceOptions"):
        yield from _no_other_redis(group)
    yield from _autoscaled(group, cluster)


def _no_other_redis(head: Group) -> Iterator[Finding]:
    for name in _REDIS_ENV:
        if name in head.env:
            what = f"the variable {name} is refused beside gcsFaultToleranceOptions"
            yield Finding(head.where, what)
    for name in ("redis-password", "redis-username"):
        if name in head.params:
            what = f"rayStartParams.{name} is refused beside gcsFaultToleranceOptions"
            yield Finding(head.where, what)


def _autoscaled(group: Group, cluster: Mapping[str, Any]) -> Iterator[Finding]:
    if not cluster.get("enableInTreeAutoscaling"):
        return
    options = cluster.get("autoscalerOptions") or {}
    if group.spec.get("suspend"):
        yield Finding(group.where, "suspend is refused with the autoscaler")
    if group.is_head and "RAY_enable_autoscaler_v2" in group.env:
        what = "RAY_enable_autoscaler_v2: autoscalerOptions.version says it"
        yield Finding(group.where, what)
    policy = group.pod.get("restartPolicy", "Never")
    if options.get("version") == "v2" and policy != "Never":
        yield Finding(group.where, f"restartPolicy {policy}: autoscaler v2 wants Never")
