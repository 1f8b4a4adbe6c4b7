"""What a local model's tokens cost, and how it is handed to Ray's library."""

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.backends.vllm_deployment import deployment_name, llm_options
from deployments.catalog import ModelSpec
from deployments.vllm_config import GpuPrice, VLLMConfig


def config(**changes: Any) -> VLLMConfig:
    return VLLMConfig.model_validate({"max_model_len": 4096, **changes})


def options_of(one: VLLMConfig) -> dict[str, Any]:
    return llm_options("them/m", one, longest_answer_s=600)


def test_gpu_seconds_become_a_price_per_token():
    price = GpuPrice(
        usd_per_gpu_hour=3.6, input_tokens_per_s=40_000, output_tokens_per_s=2_000
    )

    # 8 GPUs cost 0.008 USD a second.
    assert price.per_token(8) == pytest.approx((2e-7, 4e-6))


def test_idle_gpus_make_tokens_dearer():
    price = {"usd_per_gpu_hour": 3.6, "input_tokens_per_s": 1, "output_tokens_per_s": 1}

    half = GpuPrice(**price, utilization=0.5).per_token(1)

    assert half == pytest.approx([2 * usd for usd in GpuPrice(**price).per_token(1)])


def test_all_gpus_of_a_replica_are_paid_for():
    price = {"usd_per_gpu_hour": 1, "input_tokens_per_s": 1, "output_tokens_per_s": 1}
    spread = config(gpu_price=price, tensor_parallel_size=4, pipeline_parallel_size=2)

    assert spread.usd_per_token() == pytest.approx((8 / 3600, 8 / 3600))


def test_without_a_gpu_price_the_price_is_left_to_the_catalog():
    assert config().usd_per_token() is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"engine": {"served_model_name": "x"}}, "engine.served_model_name"),
        ({"device": "cpu", "accelerator_type": "H100"}, "accelerator_type"),
        ({"autoscaling": {"min_replicas": 2}}, "min_replicas"),
        ({"tensor_parallel_size": 0}, "tensor_parallel_size"),
    ],
)
def test_what_contradicts_itself_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        config(**changes)


def test_a_replica_is_placed_on_the_gpus_of_one_machine():
    options = options_of(config(tensor_parallel_size=8))

    assert options["engine_kwargs"]["tensor_parallel_size"] == 8
    assert options["placement_group_config"] == {
        "bundle_per_worker": {"GPU": 1, "CPU": 1},
        "strategy": "STRICT_PACK",
    }


def test_it_scales_by_ongoing_requests_and_logs_no_prompts():
    options = options_of(config())

    scaling = options["deployment_config"]["autoscaling_config"]
    assert scaling["target_ongoing_requests"] == 64
    environment = options["runtime_env"]["env_vars"]
    assert environment["RAYLLM_ENABLE_REQUEST_PROMPT_LOGS"] == "0"


@pytest.mark.parametrize(
    ("stated", "bound"),
    [
        ({}, 64),
        ({"max_ongoing_requests": 1024}, 256),
        ({"max_ongoing_requests": 4}, 16),
        ({"max_ongoing_requests": 4, "max_queued_requests": 1}, 1),
    ],
)
def test_what_waits_for_a_full_model_is_bounded(stated, bound):
    options = options_of(config(**stated))

    assert options["deployment_config"]["max_queued_requests"] == bound


def test_a_replica_that_goes_has_time_for_the_longest_answer():
    options = llm_options("them/m", config(), longest_answer_s=3600)

    assert options["deployment_config"]["graceful_shutdown_timeout_s"] == 3600


def test_an_engine_has_a_while_to_end_a_step_before_it_is_taken_to_hang():
    options = llm_options("them/m", config(), longest_answer_s=600)

    assert options["deployment_config"]["health_check_timeout_s"] == 30


def test_parsers_are_named_to_the_engine():
    engine = options_of(config(reasoning_parser="qwen3", tool_parser="hermes"))[
        "engine_kwargs"
    ]

    assert engine["reasoning_parser"] == "qwen3"
    assert engine["tool_call_parser"] == "hermes"
    assert engine["enable_auto_tool_choice"] is True


def test_a_public_id_with_a_slash_names_a_deployment_without_one():
    assert deployment_name("qwen/qwen3") == "VLLMBackend:qwen--qwen3"


def spec(**changes: Any) -> ModelSpec:
    entry = {"id": "ours", "upstream_model": "them/m", "backend": "vllm"}
    return ModelSpec.model_validate(
        {**entry, "vllm": {"max_model_len": 4096}, **changes}
    )


def test_the_catalogs_price_of_a_local_model_is_that_of_its_gpu_seconds():
    price = {
        "usd_per_gpu_hour": 3600,
        "input_tokens_per_s": 4,
        "output_tokens_per_s": 2,
    }

    local = spec(vllm={"max_model_len": 4096, "gpu_price": price})

    assert local.price.cost_usd(4, 2) == pytest.approx(2)
    assert ModelSpec.model_validate(local.model_dump()) == local


@pytest.mark.parametrize(
    "changes",
    [
        {"vllm": None},
        {"backend": "openrouter"},
        {
            "price": {"input_usd_per_token": 1, "output_usd_per_token": 1},
            "vllm": {
                "max_model_len": 1,
                "gpu_price": {
                    "usd_per_gpu_hour": 1,
                    "input_tokens_per_s": 1,
                    "output_tokens_per_s": 1,
                },
            },
        },
    ],
)
def test_a_catalog_entry_that_contradicts_itself_is_refused(changes):
    with pytest.raises(ValidationError, match="vllm"):
        spec(**changes)
