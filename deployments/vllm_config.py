"""How a local model is served by vLLM, and what its tokens cost. Knows no Ray."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GpuPrice(_Frozen):
    """The price of a replica's GPUs, spread over the tokens that it was measured at.

    A replica costs `r = gpus × usd_per_gpu_hour / 3600` USD per second. At full load
    it reads `input_tokens_per_s` or writes `output_tokens_per_s`, so a request of P
    and C tokens takes `P / input_tokens_per_s + C / output_tokens_per_s` seconds of
    it, and it is at work for the share `utilization` of the time that is paid for:

        usd_per_input_token  = r / (utilization × input_tokens_per_s)
        usd_per_output_token = r / (utilization × output_tokens_per_s)
    """

    usd_per_gpu_hour: float = Field(gt=0, description="what you pay for one")
    input_tokens_per_s: float = Field(
        gt=0, description="prefill alone, of one replica, measured at full load"
    )
    output_tokens_per_s: float = Field(
        gt=0, description="decoding alone, all streams of one replica together"
    )
    utilization: float = Field(
        default=1.0, gt=0, le=1, description="share of the paid time at full load"
    )

    def per_token(self, gpus: int) -> tuple[float, float]:
        """USD per input token and per output token of a replica with `gpus` GPUs."""
        usd_per_s = gpus * self.usd_per_gpu_hour / 3600 / self.utilization
        return usd_per_s / self.input_tokens_per_s, usd_per_s / self.output_tokens_per_s


class VLLMAutoscaling(_Frozen):
    """Replicas of one model; each owns its GPUs.

    Ray's library sets `target_ongoing_requests` to a billion, which never scales, so
    it is always written here.
    """

    min_replicas: int = Field(
        default=1,
        ge=0,
        description="0: the first request waits until the engine has started",
    )
    max_replicas: int = Field(default=1, ge=1, description="each takes its GPUs")
    target_ongoing_requests: float = Field(default=64, gt=0, description="per replica")
    upscale_delay_s: float = Field(
        default=30, ge=0, description="so long it must be busy first"
    )
    downscale_delay_s: float = Field(
        default=600, ge=0, description="so long it must be idle first"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "VLLMAutoscaling":
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas is above max_replicas")
        return self


# What this project sets itself; `engine` may hold any other argument of vLLM.
_OURS = frozenset(
    {
        "model",
        "served_model_name",
        "tensor_parallel_size",
        "pipeline_parallel_size",
        "max_model_len",
        "reasoning_parser",
        "tool_call_parser",
        "enable_auto_tool_choice",
        "distributed_executor_backend",
        "enable_log_requests",
    }
)


_LEAST_QUEUE = 16


class VLLMConfig(_Frozen):
    """One model served by `ray.serve.llm` inside our application."""

    source: str | None = Field(
        default=None,
        description="hub id, directory, or s3:// or gs:// address of the weights; "
        "none stated = the model's `upstream_model`",
    )
    device: Literal["gpu", "cpu"] = Field(
        default="gpu", description="cpu: vLLM's CPU build, for trying things out"
    )
    accelerator_type: str | None = Field(
        default=None, description="Ray's name of the GPU, such as H100 or H200"
    )
    tensor_parallel_size: int = Field(
        default=1, ge=1, description="GPUs that share each layer"
    )
    pipeline_parallel_size: int = Field(
        default=1, ge=1, description="groups of GPUs that share the layers"
    )
    placement_strategy: Literal["STRICT_PACK", "PACK", "SPREAD", "STRICT_SPREAD"] = (
        Field(
            default="STRICT_PACK",
            description="of one replica's GPUs; STRICT_PACK = all in one machine, as "
            "tensor parallelism over a network is slow",
        )
    )
    max_model_len: int = Field(ge=1, description="tokens, prompt and answer together")
    reasoning_parser: str | None = Field(
        default=None, description="vLLM's name; moves thoughts to `reasoning`"
    )
    tool_parser: str | None = Field(
        default=None, description="vLLM's name; turns text into `tool_calls`"
    )
    autoscaling: VLLMAutoscaling = VLLMAutoscaling()
    max_ongoing_requests: int = Field(
        default=256, ge=1, description="per replica; more wait in the Gateways' handles"
    )
    max_queued_requests: int | None = Field(
        default=None,
        ge=1,
        description="so many wait in each Gateway's handle, and the next model or 503 "
        "is for more; none stated = a quarter of `max_ongoing_requests`, at least 16",
    )
    stream_batching_interval_ms: float = Field(
        default=25,
        ge=0,
        description="how long chunks gather before they cross the handle; the first "
        "one goes at once",
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="variables of the engine's processes"
    )
    engine: dict[str, Any] = Field(
        default_factory=dict, description="further arguments of vLLM's engine"
    )
    gpu_price: GpuPrice | None = Field(
        default=None, description="instead of a price per token"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "VLLMConfig":
        if self.device == "cpu" and (self.accelerator_type or self.gpu_price):
            raise ValueError("device cpu has no accelerator_type and no gpu_price")
        for name in sorted(_OURS & self.engine.keys()):
            raise ValueError(f"engine.{name}: not here; it has a setting of its own")
        return self

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor_parallel_size * self.pipeline_parallel_size

    @property
    def queue_bound(self) -> int:
        """How many requests wait in each Gateway replica's handle.

        Not for each replica of the model: where there are more of these, there are more
        Gateways, each with a queue of its own. A quarter is waited for a quarter of an
        answer where all come by one Gateway, and leaves it room for other models.
        Serve counts those, too, that are just on their way, so it is never just a few.
        """
        if self.max_queued_requests is not None:
            return self.max_queued_requests
        return max(_LEAST_QUEUE, self.max_ongoing_requests // 4)

    def usd_per_token(self) -> tuple[float, float] | None:
        """Input and output price from `gpu_price`; None where it is not stated."""
        return self.gpu_price.per_token(self.gpus) if self.gpu_price else None
