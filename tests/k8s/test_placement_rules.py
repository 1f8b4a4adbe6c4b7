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


def test_an_embedder_takes_no_gpu_of_a_node_that_a_model_needs_whole() -> None:
    text = golden("prod-gpu").read_text(encoding="utf-8")
    assert text.count("- NVIDIA-H200") == 1  # of the affinity

    [found] = said(text.replace("- NVIDIA-H200", "- NVIDIA-L4"))

    assert "workerGroupSpecs[embedder]: its pods may take GPUs on the nodes" in found
    assert "of h200x8, which needs 8 on one" in found


def test_a_selector_of_other_nodes_keeps_it_off_as_well() -> None:
    text = golden("prod-gpu").read_text(encoding="utf-8")
    start, rest = text.split("          affinity:\n")
    end = rest[rest.index("          automountServiceAccountToken") :]
    other = "          nodeSelector:\n            nvidia.com/gpu.product: NVIDIA-L4\n"

    assert said(start + other + end) == []
    assert len(said(start + end)) == 1


def with_embedder_in_vllm(text: str) -> str:
    named = "          artifact: s3://avengers-artifacts/paper-qwen3-8b\n"
    lent = "            ray_actor_options: {num_cpus: 0, num_gpus: 1}\n"
    assert (text.count(named), text.count(lent)) == (1, 1)
    engine = "          embedder: {engine: vllm}\n"
    return text.replace(named, named + engine).replace(lent, "")


def test_an_embedder_in_vllm_wants_cpus_where_its_gpu_is() -> None:
    """Its artifact need not be there, nor vLLM."""
    text = with_embedder_in_vllm(golden("prod-gpu").read_text(encoding="utf-8"))

    [found] = said(text)

    assert "embedder: its engine asks for 2 CPUs and 1 GPUs of one node" in found
    assert said(with_cpus(text)) == []


def with_cpus(text: str) -> str:
    """The GPU group gives its CPUs away."""
    start, name, group = text.partition("- groupName: embedder\n")
    return start + name + group.replace('num-cpus: "0"', 'num-cpus: "8"', 1)


def test_a_model_wants_all_its_gpus_on_one_node() -> None:
    text = golden("prod-gpu").read_text(encoding="utf-8")
    few = 'nvidia.com/gpu: "8"'
    assert text.count(few) == 2

    found = said(text.replace(few, 'nvidia.com/gpu: "2"'))

    assert len(found) == 2  # of each model
    for one in found:
        assert "its engine asks for 5 CPUs and 4 GPUs of one node" in one
