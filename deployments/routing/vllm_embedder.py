"""Builds the Embedder deployment around vLLM's pooling runner, with `ray.serve.llm`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import EncoderMismatch
from artifacts.location import encoder_at
from deployments.routing.embedder_config import EmbedderConfig, VLLMEmbedderConfig
from deployments.telemetry.config import TelemetryConfig

if TYPE_CHECKING:
    from ray.serve import Application

_ENVIRONMENT = {
    "RAYLLM_ENABLE_REQUEST_PROMPT_LOGS": "0",  # Ray's library logs prompts otherwise
    "VLLM_NO_USAGE_STATS": "1",
}
_NOTHING = VLLMEmbedderConfig()
_NO_TRACES = TelemetryConfig()


def encoder_of(artifact: str) -> tuple[EncoderSpec, Path | None]:
    """The encoder of an artifact (directory or address), and where its weights lie;
    None: only a hub has them. Those of an address may still have to be fetched."""
    spec, directory = encoder_at(artifact)
    return spec, None if spec.digest is None else directory


def llm_options(spec: EncoderSpec, config: EmbedderConfig) -> dict[str, Any]:
    """The arguments of Ray's LLMConfig; EncoderMismatch for an encoder in ONNX."""
    if spec.kind == "onnx":
        what = "is in ONNX, which vLLM cannot run: leave embedder.engine out"
        raise EncoderMismatch(f"the artifact's encoder {spec.id!r} {what}")
    own = config.vllm or _NOTHING
    cpu = config.device == "cpu"
    engine = engine_arguments(spec, config.max_batch_tokens)
    if spec.revision is not None and config.source is None:
        engine["revision"] = spec.revision
    options: dict[str, Any] = {
        "model_loading_config": {
            "model_id": spec.id,
            "model_source": config.source or spec.id,
        },
        "accelerator_config": {"kind": "cpu" if cpu else "gpu"},
        "accelerator_type": own.accelerator_type,
        "engine_kwargs": engine | own.engine | {"enable_log_requests": False},
        "deployment_config": {"num_replicas": 1},
        "runtime_env": {"env_vars": _ENVIRONMENT | own.environment},
    }
    if not cpu:
        options["placement_group_config"] = {"bundle_per_worker": {"GPU": 1, "CPU": 1}}
    return options


def engine_arguments(spec: EncoderSpec, max_batch_tokens: int) -> dict[str, Any]:
    """Of vLLM's engine, whoever starts it."""
    return {
        "runner": "pooling",
        "convert": "embed",
        "dtype": spec.dtype,
        "max_model_len": spec.max_tokens,
        # A text is never divided among batches: vLLM 0.29 then never ends one that
        # fills the window (vllm issue 55427).
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(max_batch_tokens, spec.max_tokens),
    }


def build_vllm_embedder(
    spec: EncoderSpec,
    config: EmbedderConfig,
    serve_options: dict[str, Any],
    telemetry: TelemetryConfig = _NO_TRACES,
    *,
    artifact: str | None = None,
) -> "Application":
    """The Embedder, ready to be bound; its handle is an EmbedderLike's.

    `artifact`: the one that `config.source` is of, which each replica fetches first.
    Call it in a process that has vLLM and belongs to a Ray cluster.
    """
    from ray.serve.llm import LLMConfig, build_llm_deployment

    from deployments.routing.vllm_embedder_replica import VLLMEmbedderReplica

    return build_llm_deployment(
        LLMConfig(**llm_options(spec, config)),
        deployment_cls=VLLMEmbedderReplica,
        bind_kwargs={
            "encoder": spec,
            "config": config,
            "telemetry": telemetry,
            "artifact": artifact,
        },
        override_serve_options={"name": "Embedder", **serve_options},
    )
