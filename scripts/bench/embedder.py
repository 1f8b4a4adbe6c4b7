"""Times an encoder by engine, batch size (tokens, padding included) and text length.

Throughput: all texts at once. p50: one text alone. Share of the peak: 2 FLOP for each
weight that a token is multiplied with (the embedding table is looked up, attention's
products are left out), over the chip's dense bfloat16 peak. `mixed`: a long tail of
lengths, half below 90 tokens. No vector is cached. The engines run without Ray: a hop
costs the same with either.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from scripts.bench.chips import peak_flops
from scripts.bench.embedder_engines import ENGINES, ONNX, Model, missing, started
from scripts.bench.embedder_load import MIXED, Ruler, Speed, advice, measure
from scripts.bench.embedder_table import show
from scripts.option_types import number, result_file, whole
from scripts.tiny_embedder import (
    QWEN3_8B,
    TINY,
    flop_per_token,
    make_embedder,
    spec_of,
)

ROOT = Path(__file__).parents[2]

T = TypeVar("T")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="two layers, on the CPU")
    parser.add_argument("--artifact", metavar="DIR", help="its encoder; default, too")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument(
        "--budgets", type=whole(1, 10**7), nargs="+", help="tokens of a batch"
    )
    parser.add_argument(
        "--lengths", type=whole(1, 10**6), nargs="+", default=[32, 256, 2048]
    )
    parser.add_argument("--repeats", type=whole(1, 10**6), default=20, help="for p50")
    parser.add_argument(
        "--wait-s", type=number(0.001, 3600), default=0.5, help="see the advice"
    )
    parser.add_argument("--scratch", type=Path, help="for 15 GB of random weights")
    parser.add_argument("--json", type=result_file, metavar="FILE")
    return parser


class Bench:
    """One model, measured engine by engine."""

    def __init__(self, options: argparse.Namespace, model: Model, chip: str) -> None:
        self._options = options
        self._model = model
        self._chip = chip
        size = TINY if options.tiny else QWEN3_8B
        self.flop = None if options.artifact else flop_per_token(size)
        self._small = options.tiny or options.artifact or model.device == "cpu"

    def flops_share(self, tokens_per_s: float) -> float | None:
        peak = peak_flops(self._chip)
        known = peak is not None and self.flop is not None
        return tokens_per_s * self.flop / peak if known else None

    def run(self, engine: str) -> tuple[list[Speed], str]:
        """In this process; see `_apart`."""
        return asyncio.run(self._run(engine))

    async def _run(self, engine: str) -> tuple[list[Speed], str]:
        """Every length at every batch size; and what attention ran with."""
        speeds = []
        for budget in self._options.budgets:
            async with started(engine, self._model, budget) as (encoder, how):
                ruler = Ruler.of(self._model.spec, self._model.directory)
                for tokens in (*self._options.lengths, MIXED):
                    least = 4096 if self._small else max(8 * budget, 131_072)
                    speeds.append(
                        await measure(
                            encoder,
                            ruler,
                            tokens,
                            least_tokens=least,
                            repeats=self._options.repeats,
                            flops_share=self.flops_share,
                            engine=engine,
                            budget=budget,
                        )
                    )
        return speeds, how


def _apart(work: Callable[..., T], *arguments: object) -> T:
    """In a process of its own: what it held of the GPU is free afterwards."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _device() -> tuple[str, str]:
    """cuda or cpu, and the chip's name. To be asked apart: it opens the GPU."""
    try:
        import torch
    except ImportError:
        return "cpu", "CPU"
    if torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    return "cpu", f"CPU, {os.cpu_count()} cores"


def _model(options: argparse.Namespace, device: str, scratch: Path) -> Model:
    if options.artifact:
        # Late: it wants FAISS, and a GPU machine for random weights has none perhaps.
        from artifacts.store import ENCODER, load_manifest

        bundled = ROOT / "artifacts" / "default"
        directory = bundled if options.artifact == "default" else Path(options.artifact)
        spec = load_manifest(directory).encoder
        return Model(spec, directory / ENCODER, device)
    size = TINY if options.tiny else QWEN3_8B
    dtype = "float32" if options.tiny else "bfloat16"
    most = 1024 if options.tiny else 8192
    where = _apart(_make, scratch, size, dtype, device)
    spec = spec_of(where, size, max_tokens=most, dtype=dtype)
    return Model(spec, where, device)


def _make(scratch: Path, size: dict[str, float], dtype: str, device: str) -> Path:
    return make_embedder(scratch, size, dtype=dtype, device=device)


def _engines(options: argparse.Namespace, model: Model) -> list[str]:
    if model.spec.kind == "onnx":
        return [ONNX]
    found = []
    for engine in options.engines:
        if what := missing(engine):
            print(f"{engine}: not measured, {what} is not installed", file=sys.stderr)
        else:
            found.append(engine)
    return found


def main() -> int:
    parser = _parser()
    options = parser.parse_args()
    options.budgets = options.budgets or ([512] if options.tiny else [4096, 16_384])
    if options.tiny:
        options.lengths = [n for n in options.lengths if n <= 512] or [32]
    device, chip = ("cpu", "CPU") if options.tiny else _apart(_device)
    if device == "cpu" and not (options.tiny or options.artifact):
        parser.error("no GPU: eight billion weights want one; --tiny, or --artifact")
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        model = _model(options, device, Path(scratch) / "model")
        bench = Bench(options, model, chip)
        speeds: list[Speed] = []
        attention = {}
        for engine in _engines(options, model):
            found, attention[engine] = _apart(bench.run, engine)
            speeds += found
    if not speeds:
        return 1
    said = advice(speeds, options.wait_s)
    title = (
        f"{model.spec.id}, {model.spec.dtype}, {chip}, load {os.getloadavg()[0]:.1f}"
    )
    show(speeds, said, title)
    if options.json:
        report = {
            "model": model.spec.model_dump(),
            "chip": chip,
            "flop_per_token": bench.flop,
            "attention": attention,
            "speeds": [asdict(speed) for speed in speeds],
            "advice": asdict(said),
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
