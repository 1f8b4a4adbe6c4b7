"""vLLM's own OpenAI server, to measure ours beside it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.running import NotStarted, running
from scripts.tiny_served import ENVIRONMENT, MAX_MODEL_LEN, STRUCTURED, UPSTREAM_MODEL

START_S = 300


@contextmanager
def own_server(model: Path, port: int) -> Iterator[str]:
    """vLLM's OpenAI server with the arguments that our deployment gives it."""
    arguments = {
        "--model": str(model),
        "--served-model-name": UPSTREAM_MODEL,
        "--host": "127.0.0.1",
        "--port": str(port),
        "--max-model-len": str(MAX_MODEL_LEN),
        "--max-num-seqs": "32",
        "--dtype": "bfloat16",
        "--reasoning-parser": "qwen3",
        "--tool-call-parser": "hermes",
        "--structured-outputs-config": json.dumps(STRUCTURED),
    }
    flags = [
        "--enforce-eager",
        "--enable-auto-tool-choice",
        "--disable-uvicorn-access-log",
    ]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *flags]
    command += [part for pair in arguments.items() for part in pair]
    url = f"http://127.0.0.1:{port}"
    ready, quiet = f"{url}/health", {"VLLM_NO_USAGE_STATS": "1"}
    try:
        with running(
            command, environment=ENVIRONMENT | quiet, ready_url=ready, start_s=START_S
        ):
            yield url
    except NotStarted as error:
        raise SystemExit(f"vLLM's server did not start: {error}") from None
