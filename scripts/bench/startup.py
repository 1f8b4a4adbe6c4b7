"""See scripts/bench/startup."""

import argparse
import json
import subprocess
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from scripts.bench.startup_parts import imports, parts_of
from scripts.option_types import result_file, whole
from scripts.served import Served, served

BODY = {"model": "auto", "messages": [{"role": "user", "content": "What is 6 × 7?"}]}


@dataclass(frozen=True)
class Start:
    """One start: seconds to the first routed answer and of its parts, in order; memory
    and number of all processes."""

    first_answer_s: float
    parts_s: dict[str, float]
    memory_mib: float
    processes: int


def first_answer(environment: dict[str, str]) -> Start:
    """Start, ask, and stop again."""
    began = time.monotonic()
    with served(environment=environment) as graph:
        ready = time.monotonic()
        ask(graph)
        took = time.monotonic() - began
        memory, processes = graph.memory_bytes()
        parts = parts_of(graph.said)
    # What is not said: the shell, the interpreter, and reading the configuration.
    before = ready - began - sum(parts.values())
    parts = {"before": before, **parts, "first answer": took - (ready - began)}
    return Start(took, parts, memory / 2**20, processes)


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
    parser.add_argument("--parts", action="store_true", help="where the time goes")
    parser.add_argument(
        "--runs", type=whole(1, 1000), default=3, help="warm starts (median)"
    )
    parser.add_argument("--json", type=result_file, help="also write the figures here")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    scope: AbstractContextManager[str | None] = (
        TemporaryDirectory() if options.cold else nullcontext()
    )
    with scope as directory:
        environment = {}
        if directory is not None:
            environment["AVENGERS_VENV"] = f"{directory}/venv"
            cold = first_answer(environment)
            figures["cold_install_and_first_answer_s"] = cold.first_answer_s
            figures["environment_mib"] = size_mib(Path(directory) / "venv")
        warm = [first_answer(environment) for _ in range(options.runs)]
    figures["warm_first_answer_s"] = median(run.first_answer_s for run in warm)
    figures["memory_pss_mib"] = median(run.memory_mib for run in warm)
    figures["processes"] = median(run.processes for run in warm)
    if options.parts:
        for part in warm[0].parts_s:
            name = f"part_{part.replace(' ', '_')}_s"
            figures[name] = median(run.parts_s[part] for run in warm)
        figures |= {f"import_{name}_s": seconds for name, seconds in imports().items()}
    for name, value in figures.items():
        print(f"{name:32} {value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
