"""What is refused, and with which words; what is accepted."""

import re
from pathlib import Path

import pytest
import yaml

from scripts.k8s.render import (
    OVERLAYS,
    golden,
    has_kustomize,
    overlays,
    render,
)
from scripts.k8s.structure import schema_directory
from tests.k8s.variants import HERE, files, manifests_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

needs_kustomize = pytest.mark.skipif(
    not has_kustomize(), reason="there is no kubectl on the PATH"
)
# What only the CRD's own schema can say.
_BY_CRD = (
    "unexpected|is not of type|required property|stands twice|not one of|schema|GB"
)


def said(text: str) -> list[str]:
    # Imports Ray, whose own deprecation warnings would be errors outside of a test.
    from scripts.k8s.checks import findings

    return [str(finding) for finding in findings(text)]


@pytest.mark.parametrize("file", files("broken"), ids=lambda file: file.stem)
def test_a_broken_variant_is_refused_in_these_words(file: Path) -> None:
    expected = yaml.safe_load(file.read_text(encoding="utf-8"))["expect"]
    if not schema_directory().is_dir() and re.search(_BY_CRD, expected):
        pytest.skip("AVENGERS_K8S_SCHEMAS: the CRD's schema is not there")

    found = said(manifests_of(file))

    assert any(re.search(expected, one) for one in found), found


@pytest.mark.parametrize("file", files("good"), ids=lambda file: file.stem)
def test_a_good_variant_is_accepted(file: Path) -> None:
    assert said(manifests_of(file)) == []


@needs_kustomize
@pytest.mark.parametrize("overlay", overlays())
def test_each_overlay_is_accepted(overlay: str) -> None:
    assert said(render(OVERLAYS / overlay)) == []


@needs_kustomize
@pytest.mark.parametrize("overlay", ["prod", "prod-gpu"])
def test_production_renders_as_committed(overlay: str) -> None:
    assert render(OVERLAYS / overlay) == golden(overlay).read_text(encoding="utf-8")


@needs_kustomize
@pytest.mark.parametrize("name", ["incremental-upgrade", "ingress", "kueue"])
def test_each_component_is_accepted_on_an_overlay(name: str) -> None:
    text = render(HERE / "composed" / name)

    assert said(text) == []
    assert {"incremental-upgrade": "gatewayClassName", "kueue": "queue-name"}.get(
        name, "kind: Ingress"
    ) in text


@needs_kustomize
def test_the_serve_config_arrives_byte_for_byte() -> None:
    [service] = [
        one
        for one in yaml.safe_load_all(render(OVERLAYS / "prod"))
        if one["kind"] == "RayService"
    ]
    source = OVERLAYS.parent / "base/serve-config.yaml"

    assert service["spec"]["serveConfigV2"] == source.read_text(encoding="utf-8")


def test_what_the_weights_need_can_be_applied_first() -> None:
    """k8s/README.md chooses it by this label."""
    objects = yaml.safe_load_all(golden("prod-gpu").read_text(encoding="utf-8"))
    first = [
        (one["kind"], one["metadata"]["name"])
        for one in objects
        if one["metadata"].get("labels", {}).get("avengers/first") == "weights"
    ]

    assert sorted(first) == [
        ("Job", "qwen3-download"),
        ("PersistentVolumeClaim", "model-cache"),
    ]
