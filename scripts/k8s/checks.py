"""All checks of a rendered overlay, in order."""

from collections.abc import Callable, Iterator, Sequence

import yaml

from scripts.k8s import documents
from scripts.k8s.cluster_rules import check_cluster_rules
from scripts.k8s.finding import Finding, Object
from scripts.k8s.gpu_rules import check_gpu_rules
from scripts.k8s.operator_rules import check_operator_rules
from scripts.k8s.pod_rules import check_pod_rules
from scripts.k8s.serve_rules import check_serve_configs
from scripts.k8s.structure import check_structure
from scripts.k8s.surroundings import check_surroundings

Check = Callable[[Sequence[Object]], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "operator's rules": check_operator_rules,
    "cluster": check_cluster_rules,
    "pods": check_pod_rules,
    "GPUs": check_gpu_rules,
    "surroundings": check_surroundings,
    "Serve config": check_serve_configs,
}


def findings(text: str) -> list[Finding]:
    """What is wrong with rendered manifests; the shape first, as all else reads it."""
    try:
        manifests = documents.load_all(text)
    except yaml.YAMLError as error:
        return [Finding("YAML", " ".join(str(error).split()))]
    if not manifests or not all(isinstance(one, dict) for one in manifests):
        return [Finding("YAML", "there is no Kubernetes object in it")]
    if wrong := list(check_structure(manifests)):
        return wrong
    return [
        finding
        for name, check in CHECKS.items()
        for finding in _all(name, check, manifests)
    ]


def _all(name: str, check: Check, manifests: Sequence[Object]) -> list[Finding]:
    try:
        return list(check(manifests))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Possible only where the schema of the CRD is absent.
        return [Finding(name, f"a field has not the shape it should: {error}")]
