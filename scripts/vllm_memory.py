"""See scripts/vllm-memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import serve_app
from deployments.vllm_config import VLLMConfig
from serve_app.config_file import read_app_config

CATALOGS = Path(serve_app.__path__[0]) / "catalogs"
GIB = 2**30
# What the driver reports of each, rounded down.
GPU_GIB = {"H100": 79, "H200": 139}
# Activations, CUDA graphs, NCCL buffers: an allowance, not a measurement.
RESERVE_GIB = 6
UTILIZATION = 0.92  # the share of a GPU that these files let vLLM take


@dataclass(frozen=True)
class Architecture:
    """The parts of a Qwen3-MoE's config.json that fill memory."""

    layers: int = 94
    hidden: int = 4096
    heads: int = 64
    kv_heads: int = 4
    head_dim: int = 128
    experts: int = 128
    expert_hidden: int = 1536
    vocabulary: int = 151_936
    fp8_block: int = 128  # rows and columns that share one float32 scale

    @property
    def block_parameters(self) -> int:
        """Attention and experts of all layers: what the FP8 release quantises."""
        q_and_o = 2 * self.hidden * self.heads * self.head_dim
        k_and_v = 2 * self.hidden * self.kv_heads * self.head_dim
        experts = self.experts * 3 * self.hidden * self.expert_hidden
        return self.layers * (q_and_o + k_and_v + experts)

    @property
    def other_parameters(self) -> int:
        """Embeddings, output layer, norms, expert routers: bf16 in both releases."""
        per_layer = 2 * self.hidden + 2 * self.head_dim + self.hidden * self.experts
        ends = 2 * self.vocabulary * self.hidden + self.hidden
        return self.layers * per_layer + ends

    @property
    def parameters(self) -> int:
        return self.block_parameters + self.other_parameters

    def weight_bytes(self, *, fp8: bool) -> int:
        block = self.block_parameters
        scales = 4 * block // self.fp8_block**2
        return 2 * self.other_parameters + (block + scales if fp8 else 2 * block)

    def kv_bytes_per_token(self, gpus: int = 1) -> int:
        """On one of `gpus` GPUs, keys and values in bf16.

        With more GPUs than KV heads each keeps a whole head: no smaller than that.
        """
        heads = max(1, self.kv_heads // gpus)
        return 2 * self.layers * heads * self.head_dim * 2

    def splits_in_fp8(self, gpus: int) -> bool:
        """Whether an expert's share is whole FP8 blocks, which vLLM asks for."""
        return self.expert_hidden % (gpus * self.fp8_block) == 0


@dataclass(frozen=True)
class Fit:
    """One model on the GPUs of one replica; sizes on each GPU."""

    model: str
    source: str
    config: VLLMConfig
    architecture: Architecture = Architecture()

    @property
    def fp8(self) -> bool:
        return self.source.endswith("-FP8")

    @property
    def weights_gib(self) -> float:
        total = self.architecture.weight_bytes(fp8=self.fp8)
        return total / self.config.tensor_parallel_size / GIB

    @property
    def cache_gib(self) -> float:
        memory = GPU_GIB[self.config.accelerator_type or ""]
        return UTILIZATION * memory - RESERVE_GIB - self.weights_gib

    @property
    def cache_tokens(self) -> int:
        gpus = self.config.tensor_parallel_size
        return int(self.cache_gib * GIB / self.architecture.kv_bytes_per_token(gpus))


def fits() -> Iterator[tuple[Path, Fit]]:
    """Every local model of the ready configurations."""
    for path in sorted(CATALOGS.glob("qwen3-235b-*.yaml")):
        for spec in read_app_config(path).catalog.models:
            if spec.vllm:
                source = spec.vllm.source or spec.upstream_model
                yield path, Fit(spec.id, source, spec.vllm)


def main() -> None:
    model = Architecture()
    print(f"parameters            {model.parameters / 1e9:9.2f} × 10⁹")
    print(f"weights, bf16         {model.weight_bytes(fp8=False) / 1e9:9.1f} GB")
    print(f"weights, FP8          {model.weight_bytes(fp8=True) / 1e9:9.1f} GB")
    print(f"KV cache, one token   {model.kv_bytes_per_token():9,} bytes")
    print(f"\n{'':34} {'GiB on each GPU':^24} {'tokens':>22}")
    print(
        f"{'':34} {'memory':>7} {'weights':>7} {'cache':>8} {'cache':>11} {'limit':>10}"
    )
    for _, fit in fits():
        config = fit.config
        kind = config.accelerator_type or ""
        name = f"{'FP8' if fit.fp8 else 'bf16'} {config.tensor_parallel_size} × {kind}"
        version = "Thinking" if "hinking" in fit.source else "Instruct"
        print(
            f"{name + ', ' + version:34} {GPU_GIB[kind]:7} {fit.weights_gib:7.1f} "
            f"{fit.cache_gib:8.1f} {fit.cache_tokens:11,} {config.max_model_len:10,}"
        )


if __name__ == "__main__":
    main()
