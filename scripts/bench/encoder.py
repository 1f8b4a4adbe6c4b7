"""Times the bundled int8 encoder beside the fp32 weights under torch.

Latency: p50 of one text of 20, 100 and 400 tokens (special tokens included; the
window keeps 256). Throughput: 32 texts of 20 to 180 tokens in one call. Batching:
what the int8 graph would do with padded batches, against one text at a time.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer

from artifacts.encoder import Encoder, OnnxEncoder
from artifacts.errors import BadInput
from artifacts.token_window import TokenWindow
from scripts.loadtest.questions import VOCABULARY
from scripts.option_types import result_file, whole

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "artifacts" / "default" / "encoder"
LENGTHS = (20, 100, 400)
BATCH = 32

Row = dict[str, str | int | float]


def text_of(tokens: int, seed: int = 0) -> str:
    """Common words, one token each, so that the window has `tokens` ids."""
    words = np.random.default_rng(seed).choice(VOCABULARY.split(), tokens - 2)
    return " ".join(words.tolist())


def mixed_batch() -> list[str]:
    lengths = np.linspace(20, 180, BATCH).astype(int)
    return [text_of(int(n), seed) for seed, n in enumerate(lengths)]


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median of `repeats` runs after one that is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def time_encoder(name: str, threads: int, encoder: Encoder, repeats: int) -> Row:
    row: Row = {"encoder": name, "threads": threads}
    for tokens in LENGTHS:
        texts = [text_of(tokens)]
        taken = seconds(partial(encoder.encode, texts), repeats)
        row[f"p50_ms_{tokens}_tokens"] = round(taken * 1e3, 2)
    batch = mixed_batch()
    taken = seconds(partial(encoder.encode, batch), max(3, repeats // 5))
    row["texts_per_s_batch_32"] = round(BATCH / taken, 1)
    return row


def time_all(directory: Path, repeats: int) -> list[Row]:
    rows = []
    for threads in (1, 2):
        encoder = OnnxEncoder(directory, threads=threads)
        rows.append(time_encoder("int8 ONNX", threads, encoder, repeats))
    # torch's OpenMP threads spin while they wait: on shared cores a call of 10 ms then
    # takes 400 ms. Ours do not spin either; read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch

        from scripts.encoder_fidelity import fp32_encoder
    except ImportError as error:
        print(f"fp32 not timed: {error.name} is not installed", file=sys.stderr)
        return rows
    reference = fp32_encoder()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows.append(time_encoder("fp32 torch", threads, reference, repeats))
    return rows


class PaddedBatches:
    """The same graph, run the usual way: all texts padded into one tensor."""

    def __init__(self, directory: Path, max_tokens: int) -> None:
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._window = TokenWindow(tokenizer, max_tokens)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(
            directory / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

    def encode_all(self, batches: list[list[str]]) -> NDArray[np.float32]:
        return np.vstack([self.encode(batch) for batch in batches])

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        windows = [self._window.ids(text) for text in texts]
        width = max(len(window) for window in windows)
        ids = np.zeros((len(texts), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        feed = {"input_ids": ids, "attention_mask": mask}
        hidden = self._session.run(None, feed)[0]
        pooled = (hidden * mask[..., None]).sum(axis=1).astype(np.float32)
        unit: NDArray[np.float32] = pooled / np.linalg.norm(
            pooled, axis=1, keepdims=True
        )
        return unit


def time_batching(directory: Path, repeats: int) -> list[Row]:
    """One by one, and in padded batches of like length; one thread."""
    single = OnnxEncoder(directory)
    padded = PaddedBatches(directory, single.spec.max_tokens)
    texts = mixed_batch()
    alone = single.encode(texts)
    rows = []
    for size in (1, 8, 32):
        parts = [texts[start : start + size] for start in range(0, BATCH, size)]
        taken = seconds(partial(padded.encode_all, parts), repeats)
        cosines = np.sum(padded.encode_all(parts) * alone, axis=1)
        row: Row = {
            "batch": size,
            "texts_per_s": round(BATCH / taken, 1),
            "cosine_to_alone_min": round(float(cosines.min()), 4),
        }
        rows.append(row)
    return rows


def show(title: str, rows: list[Row]) -> None:
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", type=Path, default=DEFAULT, metavar="DIR")
    parser.add_argument("--repeats", type=whole(1, 10**6), default=25, metavar="N")
    parser.add_argument("--json", type=result_file, metavar="FILE")
    options = parser.parse_args()
    try:
        speed = time_all(options.encoder, options.repeats)
        batching = time_batching(options.encoder, max(3, options.repeats // 5))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    show("Speed (medians)", speed)
    show("int8 ONNX in padded batches, one thread", batching)
    if options.json:
        report = {"speed": speed, "batching": batching}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
