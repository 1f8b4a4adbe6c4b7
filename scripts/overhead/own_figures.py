"""What the parts can do by themselves, for comparison with the whole."""

import time
from dataclasses import dataclass
from statistics import median

from artifacts.calibrated import CalibratedPolicy
from artifacts.encoder import load_encoder
from artifacts.store import ENCODER, load_manifest
from scripts.bench.decision import random_artifact, time_decisions
from scripts.overhead.wire import question
from serve_app.config import BUNDLED_ARTIFACT, artifact_directory


@dataclass(frozen=True)
class OwnFigures:
    """The encoder on one thread, as the Embedder runs it, with questions of the cold
    scenario: texts per second of processor time, which others on the machine do not
    lower. One decision of the calibrated policy at 60 clusters × 10 models."""

    encoder_rate: float
    encoder_p50_ms: float
    decision_p50_us: float


def own_figures(seconds: float) -> OwnFigures:
    """For about so long."""
    directory = artifact_directory(BUNDLED_ARTIFACT)
    encoder = load_encoder(load_manifest(directory).encoder, directory / ENCODER)
    taken: list[float] = []
    began, used = time.perf_counter(), time.process_time()
    while (start := time.perf_counter()) < began + seconds:
        encoder.encode([question(len(taken), seed=1)])
        taken.append((time.perf_counter() - start) * 1e3)
    used = time.process_time() - used
    artifact = random_artifact(
        CalibratedPolicy(), models=10, clusters=60, dimension=encoder.spec.dimension
    )
    return OwnFigures(
        encoder_rate=len(taken) / used,
        encoder_p50_ms=median(taken),
        decision_p50_us=time_decisions(artifact, 2000).p50_us,
    )
