"""Times clustering and fitting at scale, on made-up unit vectors.

The vectors are a seeded mixture: `--topics` directions with noise around them. Each
method runs in a process of its own, so that its peak memory is its own; the rows that
it clusters are part of it. Inertia is computed by the same code for all. All methods
get the same number of starts and the same bound on iterations; scikit-learn may stop
earlier by its tolerance. "artifact" is the whole of `fit_artifact` with our k-means,
made-up scores and the calibrated policy: split, clusters, profiles, smoother.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.bench.fit_methods import METHODS, Outcome, Task, make_rows, run
from scripts.option_types import result_file, whole


def outcomes(tasks: Sequence[Task], path: Path) -> Iterator[Outcome]:
    """One after the other, each in a new process."""
    for task in tasks:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            yield pool.submit(run, task, path).result()


def machine() -> dict[str, object]:
    """What the figures depend on besides the code."""
    import faiss

    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "faiss": faiss.__version__,
        **{name: version(name) for name in ("scikit-learn", "numpy")},
    }


def main() -> None:
    """Run all methods, print the table, write it where --json says."""
    options = _parser().parse_args()
    about = machine()
    tasks = [
        Task(method, k, options.n_init, options.iterations, options.models)
        for k in options.clusters
        for method in options.methods
    ]
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        make_rows(path, (options.rows, options.dimension), options.topics, 0)
        done = []
        for outcome in outcomes(tasks, path):
            done.append(outcome)
            print(outcome, file=sys.stderr, flush=True)
    console.print(_table(done, options))
    console.print("; ".join(f"{name} {value}" for name, value in about.items()))
    console.print(f"load at the end {os.getloadavg()[0]:.2f}")
    if options.json:
        settings = {k: v for k, v in vars(options).items() if k != "json"}
        figures = [asdict(outcome) for outcome in done]
        text = {"machine": about, "settings": settings, "outcomes": figures}
        options.json.write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench/fit")
    parser.add_argument("--rows", type=whole(1, 10**9), default=1_000_000)
    parser.add_argument("--dimension", type=whole(1, 100_000), default=384)
    parser.add_argument("--clusters", type=_numbers, default=[60, 1024])
    parser.add_argument(
        "--topics", type=whole(1, 10**7), default=2000, help="of the mixture"
    )
    parser.add_argument(
        "--n-init", type=whole(1, 1000), default=1, help="starts; the best counts"
    )
    parser.add_argument(
        "--iterations", type=whole(1, 10_000), default=25, help="at most"
    )
    parser.add_argument(
        "--models", type=whole(1, 100_000), default=8, help="of the artifact"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument(
        "--json", type=result_file, metavar="FILE", help="write the figures"
    )
    return parser


def _table(done: Sequence[Outcome], options: argparse.Namespace) -> Table:
    size = options.rows * options.dimension * 4 / 2**30
    title = (
        f"{options.rows:,} × {options.dimension} float32 ({size:.2f} GiB), "
        f"{options.n_init} starts of at most {options.iterations} iterations"
    )
    best = {o.clusters: o.inertia for o in done if o.method == "sklearn"}
    table = Table(title=title)
    for name in (
        "k",
        "method",
        "seconds",
        "CPU s",
        "inertia",
        "beside sklearn",
        "peak GiB",
    ):
        table.add_column(name, justify="left" if name == "method" else "right")
    for o in done:
        reference = best.get(o.clusters)
        ratio = o.inertia / reference - 1 if o.inertia and reference else None
        table.add_row(
            str(o.clusters),
            o.method,
            f"{o.seconds:.1f}",
            f"{o.cpu_seconds:.1f}",
            "" if o.inertia is None else f"{o.inertia:.0f}",
            "" if ratio is None else f"{ratio:+.2%}",
            f"{o.peak_gib:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
