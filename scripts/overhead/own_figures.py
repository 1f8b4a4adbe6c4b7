"""What the parts can do by themselves, for comparison with the whole."""

import time
from dataclasses import dataclass
from statistics import median

from artifacts.calibrated import CalibratedPolicy
from artifacts.encoder import Encoder, load_encoder
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import ENCODER, load_manifest
from scripts.bench.decision import time_decisions
from scripts.bench.random_artifact import random_artifact
from scripts.overhead.wire import MANY_WORDS, WORDS, question


@dataclass(frozen=True)
class OwnFigures:
    """The encoder on one thread, as the Embedder runs it, with questions of the cold
    scenario, short and long: texts per second of processor time, which others on the
    machine do not lower. One decision of the calibrated policy at 60 clusters × 10
    models."""

    encoder_rate: float
    encoder_p50_ms: float
    encoder_long_rate: float
    decision_p50_us: float


def own_figures(seconds: float) -> OwnFigures:
    """For about twice so long."""
    directory = artifact_directory(BUNDLED_ARTIFACT)
    encoder = load_encoder(load_manifest(directory).encoder, directory / ENCODER)
    rate, p50_ms = _encoding(encoder, seconds, WORDS)
    long_rate, _ = _encoding(encoder, seconds, MANY_WORDS)
    artifact = random_artifact(
        CalibratedPolicy(), models=10, clusters=60, dimension=encoder.spec.dimension
    )
    return OwnFigures(
        encoder_rate=rate,
        encoder_p50_ms=p50_ms,
        encoder_long_rate=long_rate,
        decision_p50_us=time_decisions(artifact, 2000).p50_us,
    )


def _encoding(encoder: Encoder, seconds: float, words: int) -> tuple[float, float]:
    """Texts per second of processor time, and the median of one in ms."""
    taken: list[float] = []
    began, used = time.perf_counter(), time.process_time()
    while (start := time.perf_counter()) < began + seconds:
        encoder.encode([question(len(taken), seed=1, words=words)])
        taken.append((time.perf_counter() - start) * 1e3)
    return len(taken) / (time.process_time() - used), median(taken)
