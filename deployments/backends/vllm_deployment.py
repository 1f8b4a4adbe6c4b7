"""Builds the `VLLMBackend:<model>` deployment of a local model with `ray.serve.llm`."""

from typing import TYPE_CHECKING, Any

from deployments.telemetry.config import TelemetryConfig
from deployments.vllm_config import VLLMConfig

if TYPE_CHECKING:
    from ray.serve import Application

_ENVIRONMENT = {
    "RAYLLM_ENABLE_REQUEST_PROMPT_LOGS": "0",  # Ray's library logs prompts otherwise
    "VLLM_NO_USAGE_STATS": "1",
}
# The check waits for the end of a step (VLLMReplica); Ray would give it ten seconds.
_HEALTH_S = 30.0
_NO_TRACES = TelemetryConfig()


def deployment_name(model: str) -> str:
    """The Ray deployment that serves a model; it becomes part of a file name."""
    return f"VLLMBackend:{model.replace('/', '--')}"


def llm_options(
    upstream_model: str, config: VLLMConfig, *, longest_answer_s: float
) -> dict[str, Any]:
    """The arguments of Ray's LLMConfig for one model."""
    options: dict[str, Any] = {
        "model_loading_config": {
            "model_id": upstream_model,
            "model_source": config.source or upstream_model,
        },
        "accelerator_config": {"kind": config.device},
        "accelerator_type": config.accelerator_type,
        "engine_kwargs": _engine(config),
        "deployment_config": {
            "autoscaling_config": config.autoscaling.model_dump(),
            "max_ongoing_requests": config.max_ongoing_requests,
            # Serve's own default is no bound: all of a Gateway's places would come to
            # wait for one model, and no timeout of the model counts until it is asked.
            "max_queued_requests": config.queue_bound,
            # A replica that scales down ends its answers first.
            "graceful_shutdown_timeout_s": longest_answer_s,
            # Three in a row: what hangs is replaced, and no step that only takes long.
            "health_check_timeout_s": _HEALTH_S,
        },
        "runtime_env": {"env_vars": _ENVIRONMENT | config.environment},
        # Ray's batching would hold back the first token too: ours does not.
        "experimental_configs": {"stream_batching_interval_ms": 0},
    }
    if config.device == "gpu":
        options["placement_group_config"] = {
            "bundle_per_worker": {"GPU": 1, "CPU": 1},
            "strategy": config.placement_strategy,
        }
    return options


def _engine(config: VLLMConfig) -> dict[str, Any]:
    engine = {
        "tensor_parallel_size": config.tensor_parallel_size,
        "pipeline_parallel_size": config.pipeline_parallel_size,
        "max_model_len": config.max_model_len,
        "enable_log_requests": False,
        # With `auto`, one unusual grammar moves the engine to another backend for good.
        "structured_outputs_config": {"backend": "xgrammar"},
    }
    if config.reasoning_parser:
        engine["reasoning_parser"] = config.reasoning_parser
    if config.tool_parser:
        engine |= {
            "enable_auto_tool_choice": True,
            "tool_call_parser": config.tool_parser,
        }
    return engine | config.engine


def build_vllm_backend(
    model: str,
    upstream_model: str,
    config: VLLMConfig,
    *,
    longest_answer_s: float,
    telemetry: TelemetryConfig = _NO_TRACES,
) -> "Application":
    """The deployment of `model`, ready to be bound; its handle is a Backend's.

    Call it in a process that has vLLM and belongs to a Ray cluster.
    """
    from ray.serve.llm import LLMConfig, build_llm_deployment

    from deployments.backends.vllm_replica import VLLMReplica

    options = llm_options(upstream_model, config, longest_answer_s=longest_answer_s)
    return build_llm_deployment(
        LLMConfig(**options),
        deployment_cls=VLLMReplica,
        bind_kwargs={
            "gather_ms": config.stream_batching_interval_ms,
            "telemetry": telemetry,
        },
        override_serve_options={"name": deployment_name(model)},
    )
