"""What Ray's library is told of an encoder that vLLM runs."""

import pytest
from pydantic import ValidationError

from artifacts.errors import EncoderMismatch
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import load_manifest
from artifacts.torch_encoder import QWEN3_EMBEDDING_8B
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.vllm_embedder import encoder_of, llm_options

DIRECTORY = artifact_directory(BUNDLED_ARTIFACT)
PINNED = QWEN3_EMBEDDING_8B.model_copy(update={"revision": "abc"})


def config(**settings: object) -> EmbedderConfig:
    return EmbedderConfig.model_validate({"engine": "vllm", **settings})


def test_the_hub_s_model_runs_as_its_description_says():
    options = llm_options(PINNED, config(max_batch_tokens=16_384))

    assert options["model_loading_config"] == {
        "model_id": "Qwen/Qwen3-Embedding-8B",
        "model_source": "Qwen/Qwen3-Embedding-8B",
    }
    assert options["engine_kwargs"] == {
        "runner": "pooling",
        "convert": "embed",
        "dtype": "bfloat16",
        "max_model_len": 8192,
        "max_num_batched_tokens": 16_384,
        "enable_chunked_prefill": False,
        "enable_log_requests": False,
        "revision": "abc",
    }
    assert options["placement_group_config"]["bundle_per_worker"]["GPU"] == 1


def test_a_batch_holds_at_least_the_longest_text():
    engine = llm_options(PINNED, config(max_batch_tokens=100))["engine_kwargs"]

    assert engine["max_num_batched_tokens"] == 8192


def test_weights_of_a_directory_need_no_revision_and_a_cpu_no_gpu():
    options = llm_options(PINNED, config(source="/models/qwen", device="cpu"))

    assert options["model_loading_config"]["model_source"] == "/models/qwen"
    assert "revision" not in options["engine_kwargs"]
    assert options["accelerator_config"] == {"kind": "cpu"}
    assert "placement_group_config" not in options


def test_prompts_reach_no_log_whatever_the_environment_says():
    settings = {"vllm": {"environment": {"HF_HUB_OFFLINE": "1"}}}
    variables = llm_options(PINNED, config(**settings))["runtime_env"]["env_vars"]

    assert variables["RAYLLM_ENABLE_REQUEST_PROMPT_LOGS"] == "0"
    assert variables["HF_HUB_OFFLINE"] == "1"


def test_an_encoder_in_onnx_cannot_run_there():
    spec, weights = encoder_of(str(DIRECTORY))

    assert (spec, weights) == (load_manifest(DIRECTORY).encoder, DIRECTORY / "encoder")
    with pytest.raises(EncoderMismatch, match="is in ONNX, which vLLM cannot run"):
        llm_options(spec, config())


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"vllm": {}}, "it says something only with engine: vllm"),
        ({"engine": "vllm", "vllm": {"engine": {"dtype": "x"}}}, "engine.dtype: not"),
        ({"engine": "tei"}, "sentence-transformers"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(settings, what):
    with pytest.raises(ValidationError, match=what):
        EmbedderConfig.model_validate(settings)


def test_the_settings_of_an_encoder_in_the_replica_reach_it():
    run = EmbedderConfig(
        threads=3, device="cuda", source="/models/qwen", max_batch_tokens=99
    ).run

    assert (run.threads, run.device, run.token_budget) == (3, "cuda", 99)
    assert str(run.source) == "/models/qwen"
