"""The ready configurations of Qwen3-235B-A22B, against what its architecture needs."""

import pytest

from scripts.vllm_memory import Architecture, Fit, fits

FITS = [
    pytest.param(fit, id=f"{path.stem}-{fit.source.split('/')[1]}")
    for path, fit in fits()
]


def test_the_architecture_is_that_of_a_235_billion_parameter_model():
    assert Architecture().parameters == 235_093_634_560


def test_a_token_fills_two_vectors_of_each_head_and_layer():
    assert Architecture().kv_bytes_per_token() == 2 * 94 * 4 * 128 * 2


@pytest.mark.parametrize("gpus", [4, 8])
def test_a_gpu_keeps_at_least_one_whole_head(gpus):
    assert Architecture().kv_bytes_per_token(gpus) == 2 * 94 * 128 * 2


def test_fp8_needs_half_of_bf16_and_its_scales():
    model = Architecture()

    share = model.weight_bytes(fp8=True) / model.weight_bytes(fp8=False)
    assert share == pytest.approx(0.503, abs=0.001)


def test_both_releases_stand_ready_in_both_precisions():
    assert len(FITS) == 6


@pytest.mark.parametrize("fit", FITS)
def test_a_ready_configuration_fits_at_least_one_prompt_of_full_length(fit: Fit):
    assert fit.cache_tokens > fit.config.max_model_len


@pytest.mark.parametrize("fit", FITS)
def test_fp8_experts_are_split_into_whole_blocks(fit: Fit):
    gpus = fit.config.tensor_parallel_size

    assert not fit.fp8 or fit.architecture.splits_in_fp8(gpus)
    assert not fit.architecture.splits_in_fp8(8)


@pytest.mark.parametrize("fit", FITS)
def test_only_the_thinking_release_has_a_reasoning_parser(fit: Fit):
    thinks = "Thinking" in fit.source

    assert fit.config.reasoning_parser == ("qwen3" if thinks else None)
    assert fit.config.tool_parser == "hermes"
