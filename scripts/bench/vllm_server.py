"""vLLM's own OpenAI server, to measure ours beside it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from scripts.tiny_served import ENVIRONMENT, MAX_MODEL_LEN, STRUCTURED, UPSTREAM_MODEL

START_S = 300


@contextmanager
def own_server(model: Path, port: int, log: Path) -> Iterator[str]:
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
    variables = os.environ | ENVIRONMENT | {"VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=variables, stdout=out, stderr=out)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, f"{url}/health", log)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit(f"vLLM's server did not start:\n{log.read_text()[-2000:]}")
