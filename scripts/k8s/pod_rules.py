"""What each pod may do, whoever makes it, and which image it runs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.rayservice import groups_of, quantity, ray_services

# Set on what only a development overlay has: an image by version, not by digest.
DEVELOPMENT = {"avengers/lifetime": "development"}
_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
_VERSION = re.compile(r".+:[^:/]*[0-9]+\.[0-9]+[^:/]*")
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_SECRET_NAME = re.compile(r"(KEY|TOKEN|PASSWORD|SECRET)$")

Spec = Mapping[str, Any]


def check_pod_rules(manifests: Sequence[Object]) -> Iterator[Finding]:
    """Ray's groups, and every workload of a built-in kind."""
    for where, spec, development in pod_specs(manifests):
        yield from _pod(where, spec)
        for container in containers(spec):
            name = f"{where}.{container.get('name')}"
            yield from _container(name, container)
            yield from _image(name, str(container.get("image")), development)
    for service in ray_services(manifests):
        yield from _autoscaler(service)


def pod_specs(manifests: Sequence[Object]) -> Iterator[tuple[str, Spec, bool]]:
    """Where it stands, the pod's spec, and whether it is for development only."""
    for manifest in manifests:
        if manifest.get("kind") == "RayService":
            for group in groups_of(manifest):
                yield group.where, group.pod, False
            continue
        spec = manifest.get("spec") or {}
        if manifest.get("kind") == "CronJob":
            spec = (spec.get("jobTemplate") or {}).get("spec") or {}
        if isinstance(spec.get("template"), dict):
            labels = (manifest.get("metadata") or {}).get("labels") or {}
            development = labels.items() >= DEVELOPMENT.items()
            yield named(manifest), spec["template"].get("spec") or {}, development


def containers(spec: Spec) -> list[Mapping[str, Any]]:
    """Those of a pod, the first ones included."""
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _pod(where: str, spec: Spec) -> Iterator[Finding]:
    if spec.get("automountServiceAccountToken") is not False:
        yield Finding(where, "automountServiceAccountToken: false")
    context = spec.get("securityContext") or {}
    if context.get("runAsNonRoot") is not True:
        yield Finding(where, "securityContext.runAsNonRoot: true")
    if (context.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
        yield Finding(where, "securityContext.seccompProfile.type: RuntimeDefault")
    for name in _HOST:
        if spec.get(name):
            yield Finding(where, f"{name} is not for us")
    for volume in spec.get("volumes") or ():
        if "hostPath" in volume:
            yield Finding(where, f"the volume {volume.get('name')} is a hostPath")


def _container(where: str, container: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _locked(where, container.get("securityContext") or {})
    yield from _sized(where, container.get("resources") or {})
    for variable in container.get("env") or ():
        if _SECRET_NAME.search(variable["name"]) and variable.get("value"):
            what = f"the variable {variable['name']} holds a secret in plain text"
            yield Finding(where, what)


def _locked(where: str, context: Mapping[str, Any]) -> Iterator[Finding]:
    if context.get("readOnlyRootFilesystem") is not True:
        yield Finding(where, "securityContext.readOnlyRootFilesystem: true")
    if context.get("allowPrivilegeEscalation") is not False:
        yield Finding(where, "securityContext.allowPrivilegeEscalation: false")
    if (context.get("capabilities") or {}).get("drop") != ["ALL"]:
        yield Finding(where, "securityContext.capabilities.drop: [ALL]")


def _sized(where: str, resources: Mapping[str, Any]) -> Iterator[Finding]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name in ("cpu", "memory"):
        if name not in limits:
            yield Finding(where, f"resources.limits.{name} must be written")
    for name in sorted(requests.keys() | limits.keys()):
        if _amount(requests.get(name)) != _amount(limits.get(name)):
            what = f"{requests.get(name)} requested, {limits.get(name)} allowed"
            yield Finding(where, f"resources {name}: {what}; both are the same")


def _amount(stated: Any) -> float | None:
    return None if stated is None else quantity(stated)


def _image(where: str, image: str, development: bool) -> Iterator[Finding]:
    if development and _VERSION.fullmatch(image):
        return
    if not _DIGEST.fullmatch(image):
        wanted = "a version" if development else "a digest (@sha256:…)"
        yield Finding(where, f"the image {image} is not named by {wanted}")


def _autoscaler(service: Object) -> Iterator[Finding]:
    cluster = (service.get("spec") or {}).get("rayClusterConfig") or {}
    options = cluster.get("autoscalerOptions")
    if options:
        where = f"{named(service)} spec.rayClusterConfig.autoscalerOptions"
        yield from _locked(where, options.get("securityContext") or {})
        if options.get("resources"):
            yield from _sized(where, options["resources"])
