"""What a text costs to embed: a constant, and the piece of work by which two runs, or
two moments of one, tell whether the cores were as fast."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

import numpy as np

from artifacts.encoder import OnnxEncoder
from scripts.bench.encoder import DEFAULT, text_of

CALIBRATION = 60  # tokens
_LENGTHS = (20, CALIBRATION, 100, 180, 256)
_REPEATS = 15


def encoder() -> OnnxEncoder:
    """The bundled one, on one thread."""
    return OnnxEncoder(DEFAULT, threads=1)


def embedding_cpu_ms(
    encoder: OnnxEncoder, lengths: Sequence[int] = _LENGTHS
) -> dict[int, float]:
    """Medians, by the tokens of a text: CPU time and not the clock's, so that others
    make it longer only where they slow the core down."""
    found = {}
    for tokens in lengths:
        work = partial(encoder.encode, [text_of(tokens)])
        work()
        taken = []
        for _ in range(_REPEATS):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
        found[tokens] = median(taken) * 1e3
    return found


def embedding_line(cpu_ms: Mapping[int, float]) -> tuple[float, float]:
    """Milliseconds of a text: fixed, and for each token. Least relative squares."""
    lengths, taken = list(cpu_ms), np.array(list(cpu_ms.values()))
    slope, fixed = np.polyfit(lengths, taken, 1, w=1 / taken)
    return max(0.0, float(fixed)), float(slope)


def calibration_ms(encoder: OnnxEncoder) -> float:
    """CPU of a fixed piece of work."""
    return embedding_cpu_ms(encoder, [CALIBRATION])[CALIBRATION]
