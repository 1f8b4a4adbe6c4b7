"""What is no file of manifests."""

import pytest

from tests.k8s.test_checks import said

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("text", ["", "---\n", "[1, 2]\n", "word\n"])
def test_without_an_object_something_is_wrong(text: str) -> None:
    assert said(text) == ["YAML: there is no Kubernetes object in it"]
