"""Nodes that Ray's autoscaler would start."""

import pytest

from scripts.k8s.render import golden
from tests.k8s.test_checks import said

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_an_engine_s_accelerator_is_declared_where_it_is_to_run() -> None:
    lines = golden("prod-gpu").read_text(encoding="utf-8").splitlines(keepends=True)
    without = [line for line in lines if 'resources: \'"{\\"accel' not in line]
    assert len(without) == len(lines) - 1

    found = said("".join(without))

    assert len(found) == 2  # of each model
    for one in found:
        assert "asks for 'accelerator_type:H200'" in one
        assert "rayStartParams.resources" in one
