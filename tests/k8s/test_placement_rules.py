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


def in_one_image(text: str) -> str:
    """The head and the CPU group run the GPUs' image as well."""
    return text.replace("/avengers/gateway@", "/avengers/gpu@")


def test_an_embedder_in_vllm_wants_cpus_where_its_gpu_is() -> None:
    """Its artifact need not be there, nor vLLM."""
    text = golden("prod-gpu").read_text(encoding="utf-8")
    text = in_one_image(with_embedder_in_vllm(text))

    [found] = said(text)

    assert "embedder: its engine asks for 2 CPUs and 1 GPUs of one node" in found
    assert said(with_cpus(text)) == []


def test_what_holds_vllm_is_built_on_any_node_and_wants_its_image_there() -> None:
    """Serve's task for it asks for no CPU: the head gets it, too."""
    text = golden("prod-gpu").read_text(encoding="utf-8")
    text = with_cpus(with_embedder_in_vllm(text))

    [found] = said(text)

    assert "all groups run the image that has it" in found
    assert "avengers/gateway@sha256" in found
    assert "(head, cpu)" in found
    assert "(embedder)" in found
    assert said(in_one_image(text)) == []


def test_an_application_that_is_built_on_chosen_nodes_may_have_its_own_image() -> None:
    text = golden("prod-gpu").read_text(encoding="utf-8")
    text = with_cpus(with_embedder_in_vllm(text))
    lent = "ray_actor_options: {num_cpus: 0.5"
    chosen = f"{lent}, label_selector: {{ray.io/node-group: embedder}}"

    assert said(text.replace(lent, chosen, 1)) == []


def with_cpus(text: str) -> str:
    """The GPU group gives its CPUs away."""
    start, name, group = text.partition("- groupName: embedder\n")
    return start + name + group.replace('num-cpus: "0"', 'num-cpus: "8"', 1)


def test_a_model_wants_all_its_gpus_on_one_node() -> None:
    text = golden("prod-gpu").read_text(encoding="utf-8")
    few = 'nvidia.com/gpu: "8"'
    assert text.count(few) == 2

    *each, together = said(text.replace(few, 'nvidia.com/gpu: "2"'))

    assert len(each) == 2  # of each model
    for one in each:
        assert "its engine asks for 5 CPUs and 4 GPUs of one node" in one
    assert "it asks for 8 GPUs at least" in together
