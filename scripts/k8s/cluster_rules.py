"""How a RayService is run in production here, beyond what the operator insists on."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.rayservice import Group, cluster_of, groups_of, ray_services
from serve_app.launching.ray_settings import ALWAYS

_MOST_REPLICAS = 1000  # the CRD's default is 2,147,483,647
_DEAD = ("serviceUnhealthySecondThreshold", "deploymentUnhealthySecondThreshold")
_FOR_GOOD = "ray.io/initializing-timeout"
# Values that are the operator's choice, but one for the whole cluster.
_SAME = ("RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH", "RAY_USAGE_STATS_ENABLED")
_LOCAL = (
    "RAY_AUTH_MODE",  # KubeRay sets it, from authOptions
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",  # a cluster's servers listen to its pods
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S",  # load balancers have to notice
)
# The same for head and workers: Ray's and Serve's processes on all of them read these.
_ENV = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    **{one.name: one.value for one in ALWAYS if one.name not in (*_SAME, *_LOCAL)},
}
# How long processes of workers outlive the head. A node that went without a word keeps
# its pod, and the operator makes no other: somebody has to come and force it.
_PATIENCE = "RAY_gcs_rpc_server_reconnect_timeout_s"
_PATIENCE_S = 3600
_OPERATOR_SAYS_S = 600
_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


def check_cluster_rules(manifests: Sequence[Object]) -> Iterator[Finding]:
    """All RayServices."""
    for service in ray_services(manifests):
        yield from _service(service)
        yield from _cluster(cluster_of(service), named(service))
        groups = list(groups_of(service))
        names = [group.name for group in groups]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Finding(named(service), f"two groups are called {name}")
        for group in groups:
            yield from _group(group)
            yield from _environment(group, head=groups[0])
            if not group.is_head:
                yield from _patience(group)


def _service(service: Object) -> Iterator[Finding]:
    spec, where = service.get("spec") or {}, f"{named(service)} spec"
    for name in _DEAD:
        if name in spec:
            yield Finding(where, f"{name} does nothing any more")
    if spec.get("excludeHeadPodFromServeSvc") is not True:
        yield Finding(
            where, "excludeHeadPodFromServeSvc: true; the head answers nobody"
        )
    if _FOR_GOOD in (service["metadata"].get("annotations") or {}):
        what = "after it a first start is given up for good, and no edit begins it anew"
        yield Finding(named(service), f"{_FOR_GOOD}: {what}")


def _cluster(cluster: Mapping[str, Any], name: str) -> Iterator[Finding]:
    where = f"{name} spec.rayClusterConfig"
    if cluster.get("rayVersion") != version("ray"):
        what = f"rayVersion: {cluster.get('rayVersion')!r}; the code is made for"
        yield Finding(where, f"{what} {version('ray')}")
    if not cluster.get("enableInTreeAutoscaling"):
        yield Finding(where, "enableInTreeAutoscaling: true")
    options = cluster.get("autoscalerOptions") or {}
    if options.get("version") != "v2":
        yield Finding(where, "autoscalerOptions.version: v2 must be written")
    if not options.get("resources"):
        what = "autoscalerOptions.resources: the default of 512Mi is too little"
        yield Finding(where, what)
    auth = cluster.get("authOptions") or {}
    if auth.get("mode") != "token" or not auth.get("secretName"):
        what = "authOptions: mode: token and a secretName must be written"
        yield Finding(where, what)
    storage = cluster.get("gcsFaultToleranceOptions") or {}
    if storage.get("backend", "redis") != "redis" or not storage.get("redisAddress"):
        yield Finding(where, "gcsFaultToleranceOptions: backend redis and its address")
    if "externalStorageNamespace" in storage:
        what = "externalStorageNamespace: two clusters of an upgrade would share it"
        yield Finding(where, what)


def _group(group: Group) -> Iterator[Finding]:
    yield from _start_params(group)
    if not group.is_head:
        yield from _bounds(group)
    for container in group.containers:
        for probe in _PROBES:
            if probe in container:
                what = f"{container.get('name')}.{probe}: the operator injects its own"
                yield Finding(group.where, what)


def _start_params(group: Group) -> Iterator[Finding]:
    where, params = group.where, group.params
    for key, value in params.items():
        if not isinstance(value, str):
            yield Finding(where, f"rayStartParams.{key}: {value!r} is not a string")
    if group.is_head and params.get("num-cpus") != "0":
        yield Finding(where, 'rayStartParams.num-cpus: "0"; nothing runs on the head')
    if not 0 < int(params.get("object-store-memory", 0)) < group.limit("memory"):
        what = "rayStartParams.object-store-memory must be stated, below the memory"
        yield Finding(where, what)


def _bounds(group: Group) -> Iterator[Finding]:
    for name in ("replicas", "minReplicas", "maxReplicas"):
        if name not in group.spec:
            yield Finding(group.where, f"{name} must be written")
    most = group.spec.get("maxReplicas", 0)
    if most > _MOST_REPLICAS:
        yield Finding(group.where, f"maxReplicas: {most} is no bound")


def _environment(group: Group, *, head: Group) -> Iterator[Finding]:
    for name, value in _ENV.items():
        if group.env.get(name) != value:
            yield Finding(group.where, f"the variable {name} must be {value!r}")
    for name in _SAME:
        if group.env.get(name) != head.env.get(name):
            yield Finding(group.where, f"the variable {name} must be as the head's")


def _patience(group: Group) -> Iterator[Finding]:
    patience_s = float(group.env.get(_PATIENCE) or _OPERATOR_SAYS_S)
    if patience_s < _PATIENCE_S:
        what = f"{_PATIENCE} {patience_s:g}: without a head all workers end by then"
        yield Finding(group.where, f"{what}; at least {_PATIENCE_S}")
