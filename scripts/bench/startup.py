"""See scripts/bench/startup."""

import argparse
import json
import subprocess
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from scripts.served import Served, served

BODY = {"model": "auto", "messages": [{"role": "user", "content": "What is 6 × 7?"}]}


def first_answer(environment: dict[str, str]) -> tuple[float, float, int]:
    """Seconds until the first routed answer, MiB of all processes, their number."""
    began = time.monotonic()
    with served(environment=environment) as graph:
        ask(graph)
        took = time.monotonic() - began
        memory, processes = graph.memory_bytes()
    return took, memory / 2**20, processes


def ask(graph: Served) -> None:
    response = httpx.post(
        f"{graph.url}/v1/chat/completions",
        json=BODY,
        headers=graph.headers,
        timeout=60,
    )
    response.raise_for_status()
    if response.headers["x-routing"] != "routed":
        raise SystemExit("the answer was not routed")


def size_mib(directory: Path) -> float:
    said = subprocess.run(
        ["du", "-sk", str(directory)], capture_output=True, text=True, check=True
    )
    return int(said.stdout.split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="Start-up and memory of the graph.")
    parser.add_argument("--cold", action="store_true", help="install from nothing too")
    parser.add_argument("--runs", type=int, default=3, help="warm starts (median)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    scope: AbstractContextManager[str | None] = (
        TemporaryDirectory() if options.cold else nullcontext()
    )
    with scope as directory:
        environment = {}
        if directory is not None:
            environment["AVENGERS_VENV"] = f"{directory}/venv"
            figures["cold_install_and_first_answer_s"] = first_answer(environment)[0]
            figures["environment_mib"] = size_mib(Path(directory) / "venv")
        warm = [first_answer(environment) for _ in range(options.runs)]
    figures["warm_first_answer_s"] = median(run[0] for run in warm)
    figures["memory_pss_mib"] = median(run[1] for run in warm)
    figures["processes"] = median(run[2] for run in warm)
    for name, value in figures.items():
        print(f"{name:32} {value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
