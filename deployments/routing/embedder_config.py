"""How one Embedder runs its encoder. Knows no Ray."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from artifacts.encoder import EncoderRun

# What this project sets itself; `engine` may hold any other argument of vLLM.
_OURS = frozenset(
    {
        "model",
        "tokenizer",
        "served_model_name",
        "revision",
        "runner",
        "convert",
        "dtype",
        "max_model_len",
        "enable_chunked_prefill",
        "max_num_batched_tokens",
        "enable_log_requests",
    }
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VLLMEmbedderConfig(_Frozen):
    """What only `engine: vllm` needs."""

    accelerator_type: str | None = Field(
        default=None, description="Ray's name of the GPU, such as H100 or H200"
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="variables of the engine's processes"
    )
    engine: dict[str, Any] = Field(
        default_factory=dict, description="further arguments of vLLM's engine"
    )

    @model_validator(mode="after")
    def _leaves_ours(self) -> "VLLMEmbedderConfig":
        for name in sorted(_OURS & self.engine.keys()):
            raise ValueError(f"engine.{name}: not here; the artifact or we set it")
        return self


class EmbedderConfig(_Frozen):
    """Which engine runs the artifact's encoder, and how."""

    engine: Literal["sentence-transformers", "vllm"] = Field(
        default="sentence-transformers",
        description="for an encoder of that kind (Qwen3-Embedding-8B); one in ONNX "
        "always runs in ONNX Runtime",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="auto: the GPU that Ray gives to the replica, else the CPU; "
        "vllm: cpu, or a GPU",
    )
    source: str | None = Field(
        default=None,
        description="directory with the weights of an encoder that the artifact only "
        "names; none = the hub's cache, under its name and revision",
    )
    threads: int = Field(default=1, ge=1, description="of an encoder in ONNX")
    max_batch_tokens: int = Field(
        default=4096,
        ge=1,
        description="of one batch, padding included; with vllm at least the window. "
        "An encoder in ONNX takes no batches",
    )
    cache_size: int = Field(default=10_000, ge=0, description="texts")
    vllm: VLLMEmbedderConfig | None = Field(
        default=None, description="only with engine: vllm"
    )

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> "EmbedderConfig":
        if self.vllm is not None and self.engine != "vllm":
            raise ValueError("vllm: it says something only with engine: vllm")
        return self

    @property
    def run(self) -> EncoderRun:
        """The same for an encoder in the replica's own process."""
        return EncoderRun(
            threads=self.threads,
            device=self.device,
            source=Path(self.source) if self.source else None,
            token_budget=self.max_batch_tokens,
        )
