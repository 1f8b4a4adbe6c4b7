"""How the tiny model is served in tests and measurements: on the CPU, from a file."""

from pathlib import Path
from typing import Any

MODEL = "tiny"
UPSTREAM_MODEL = "them/tiny"
APPLICATION = "avengers"
KEY_ENV = "AVENGERS_DEV_KEY"
MAX_MODEL_LEN = 2048

# Arguments of vLLM's engine, ours and its own server's alike.
ENGINE: dict[str, Any] = {
    "enforce_eager": True,  # compiling takes half a minute and gains nothing here
    "dtype": "bfloat16",
    "max_num_seqs": 32,
}
# A random model under a JSON grammar would write white space for ever.
STRUCTURED = {"backend": "xgrammar", "disable_any_whitespace": True}
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}


def tiny_config(model: Path) -> dict[str, Any]:
    """The `vllm` section of a catalog entry for the model that lies in `model`."""
    return {
        "source": str(model),
        "device": "cpu",
        "max_model_len": MAX_MODEL_LEN,
        "reasoning_parser": "qwen3",
        "tool_parser": "hermes",
        "environment": ENVIRONMENT,
        "engine": {**ENGINE, "structured_outputs_config": STRUCTURED},
    }


def vllm_embedder() -> dict[str, Any]:
    """The `embedder` section that has the artifact's encoder run in vLLM too."""
    return {
        "engine": "vllm",
        "device": "cpu",
        "max_batch_tokens": 160,
        "vllm": {
            "environment": ENVIRONMENT,
            "engine": {"enforce_eager": True, "max_num_seqs": 16},
        },
    }


def tiny_application(
    model: Path, port: int, *, artifact: Path | None = None
) -> dict[str, Any]:
    """A Serve configuration of the whole graph, with the tiny model alone.

    `artifact`: one of `scripts.tiny_artifact`, whose encoder then runs in vLLM.
    """
    entry = {
        "id": MODEL,
        "backend": "vllm",
        "upstream_model": UPSTREAM_MODEL,
        "price": {"input_usd_per_token": 1e-6, "output_usd_per_token": 2e-6},
        "context_window": MAX_MODEL_LEN,
        "capabilities": ["tools", "json_schema", "reasoning"],
        "vllm": tiny_config(model),
    }
    args: dict[str, Any] = {
        "catalog": {"models": [entry]},
        "cost_tiers": {"balanced": {"alpha": 0.5}},
        "default_model": MODEL,
        "tenants": [{"id": "dev", "cost_tier": "balanced", "keys": [{"env": KEY_ENV}]}],
    }
    if artifact is not None:
        args |= {"artifact": str(artifact), "embedder": vllm_embedder()}
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "127.0.0.1", "port": port},
        "logging_config": {"enable_access_log": False},
        "applications": [
            {
                "name": APPLICATION,
                "route_prefix": "/",
                "import_path": "serve_app.app:build_app",
                "args": args,
            }
        ],
    }
