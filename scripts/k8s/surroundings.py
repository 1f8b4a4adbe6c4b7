"""What has to be there beside a RayService: budgets, policies, what it names."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.k8s import documents
from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.operator_rules import INCREMENTAL
from scripts.k8s.pod_rules import containers, pod_specs
from scripts.k8s.rayservice import Group, cluster_of, groups_of, ray_services
from scripts.k8s.render import ROOT

_EXAMPLE = ROOT / "k8s/base/secrets.example.yaml"
_ROUTE = {"avengers/route": "allowed"}
_GATEWAY = "gateway.networking.k8s.io/gateway-name"


def check_surroundings(manifests: Sequence[Object]) -> Iterator[Finding]:
    """All manifests together."""
    for service in ray_services(manifests):
        for group in groups_of(service):
            yield from _budgets(group, manifests)
            yield from _closed(group, manifests)
        yield from _way_in(service, manifests)
    yield from _policies(manifests)
    yield from _secrets(manifests)
    yield from _references(manifests)


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector picks them; an empty one picks all."""
    if not labels.items() >= (selector.get("matchLabels") or {}).items():
        return False
    for rule in selector.get("matchExpressions") or ():
        value, among = labels.get(rule["key"]), rule.get("values") or ()
        held = {
            "In": value in among,
            "NotIn": value not in among,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not held[rule["operator"]]:
            return False
    return True


def _of_kind(manifests: Sequence[Object], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in manifests if one.get("kind") == kind]


def _budgets(group: Group, manifests: Sequence[Object]) -> Iterator[Finding]:
    found = [
        budget
        for budget in _of_kind(manifests, "PodDisruptionBudget")
        if matches(budget["spec"].get("selector") or {}, group.labels)
    ]
    if not found:
        yield Finding(group.where, "no PodDisruptionBudget selects its pods")
    for budget in found:
        if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            what = "unhealthyPodEvictionPolicy: AlwaysAllow; a pod that never becomes"
            yield Finding(named(budget), f"{what} ready keeps its node from a drain")
        least = budget["spec"].get("minAvailable")
        if not isinstance(least, int):
            what = "minAvailable as a number: Ray's pods have no scale subresource"
            yield Finding(named(budget), what)
        elif not group.is_head and least > (most := _most_kept(group)):
            what = f"minAvailable {least} lets no node of {group.name} be drained after"
            yield Finding(named(budget), f"{what} another; {most} does")


def _most_kept(group: Group) -> int:
    """Of the least pods that there are, one is drained, and one came when another was:
    it is not ready until Serve puts a replica there, which at little load it need not.
    """
    least: int = group.spec.get("minReplicas", 0)
    return max(1, least - 2)


def _closed(group: Group, manifests: Sequence[Object]) -> Iterator[Finding]:
    for direction in ("Ingress", "Egress"):
        closed = [
            policy
            for policy in _of_kind(manifests, "NetworkPolicy")
            if matches(policy["spec"].get("podSelector") or {}, group.labels)
            and direction in policy["spec"].get("policyTypes", ())
        ]
        if not closed:
            what = f"no NetworkPolicy closes {direction.lower()} of its pods"
            yield Finding(group.where, what)


def _way_in(service: Object, manifests: Sequence[Object]) -> Iterator[Finding]:
    """The Gateway that the operator makes may have its pods in this namespace."""
    strategy = (service.get("spec") or {}).get("upgradeStrategy") or {}
    if strategy.get("type") != INCREMENTAL:
        return
    gateway = f"{service['metadata']['name']}-gateway"
    chosen = [
        policy["spec"]
        for policy in _of_kind(manifests, "NetworkPolicy")
        if matches(policy["spec"].get("podSelector") or {}, {_GATEWAY: gateway})
    ]
    for direction in ("Ingress", "Egress"):
        closing = [one for one in chosen if direction in one.get("policyTypes", ())]
        if closing and not any(one.get(direction.lower()) for one in closing):
            way = direction.lower()
            what = f"no NetworkPolicy opens {way} of the pods of {gateway}"
            yield Finding(named(service), what)


def _policies(manifests: Sequence[Object]) -> Iterator[Finding]:
    for policy in _of_kind(manifests, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress") or ():
            yield from _source(policy, rule)


def _source(policy: Object, rule: Mapping[str, Any]) -> Iterator[Finding]:
    ports = {port.get("port") for port in rule.get("ports") or ()}
    if not rule.get("from"):
        yield Finding(named(policy), f"opens {_said(ports)} to everyone")
    for source in rule.get("from") or ():
        if source.get("podSelector"):
            continue
        space = (source.get("namespaceSelector") or {}).get("matchLabels") or {}
        if "ipBlock" in source or not space:
            yield Finding(named(policy), f"opens {_said(ports)} to more than it names")
        elif not ports:
            yield Finding(named(policy), "opens all ports to a namespace")
        elif 8000 in ports and not space.items() >= _ROUTE.items():
            yield Finding(named(policy), f"opens 8000 to a namespace without {_ROUTE}")


def _said(ports: set[Any]) -> str:
    return ", ".join(map(str, sorted(ports, key=str))) or "all ports"


def _secrets(manifests: Sequence[Object]) -> Iterator[Finding]:
    for secret in _of_kind(manifests, "Secret"):
        if secret.get("data") or secret.get("stringData"):
            yield Finding(named(secret), "a secret in plain text does not belong here")


def _references(manifests: Sequence[Object]) -> Iterator[Finding]:
    secrets = _documented(_EXAMPLE)
    accounts = _names(manifests, "ServiceAccount")
    claims = _names(manifests, "PersistentVolumeClaim")
    for where, spec, _ in pod_specs(manifests):
        account = spec.get("serviceAccountName")
        if account and account not in accounts:
            yield Finding(where, f"there is no ServiceAccount {account}")
        for volume in spec.get("volumes") or ():
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim and claim not in claims:
                yield Finding(where, f"there is no PersistentVolumeClaim {claim}")
        for container in containers(spec):
            yield from _known(where, container, secrets)
    for service in ray_services(manifests):
        where, cluster = named(service), cluster_of(service)
        name = (cluster.get("authOptions") or {}).get("secretName")
        if name and name not in secrets:
            yield Finding(where, f"{_EXAMPLE.name} has no secret {name}")


def _known(
    where: str, container: Mapping[str, Any], secrets: Mapping[str, set[str]]
) -> Iterator[Finding]:
    named_keys = [
        (
            item["valueFrom"]["secretKeyRef"]["name"],
            item["valueFrom"]["secretKeyRef"]["key"],
        )
        for item in container.get("env") or ()
        if "secretKeyRef" in (item.get("valueFrom") or {})
    ]
    whole = [
        item["secretRef"]["name"]
        for item in container.get("envFrom") or ()
        if "secretRef" in item
    ]
    for name, key in named_keys:
        if key not in secrets.get(name, ()):
            yield Finding(where, f"{_EXAMPLE.name} has no {key} in a secret {name}")
    for name in whole:
        if name not in secrets:
            yield Finding(where, f"{_EXAMPLE.name} has no secret {name}")


def _documented(path: Path) -> dict[str, set[str]]:
    """The secrets of the example and their keys."""
    listed = documents.load_all(path.read_text(encoding="utf-8"))
    return {one["metadata"]["name"]: set(one["stringData"]) for one in listed}


def _names(manifests: Sequence[Object], kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in _of_kind(manifests, kind)}
