"""Text -> unit-length float32 rows: the only place where text becomes a vector.

Knows nothing of clusters, models or scores.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import EncoderMismatch
from artifacts.onnx_encoder import OnnxEncoder
from artifacts.torch_encoder import SentenceTransformerEncoder

__all__ = [
    "Encoder",
    "EncoderSpec",
    "OnnxEncoder",
    "SentenceTransformerEncoder",
    "load_encoder",
]


class Encoder(Protocol):
    """What fit, evaluation and live traffic share."""

    @property
    def spec(self) -> EncoderSpec: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, spec.dimension), rows of length 1, in the order of `texts`."""
        ...


def load_encoder(
    spec: EncoderSpec, directory: Path, *, threads: int = 1, device: str = "cpu"
) -> Encoder:
    """The encoder that a manifest names.

    `directory` holds its files; it is not read for a hub's model (no digest).
    `threads` is for ONNX, `device` for torch. Raises EncoderMismatch when the files
    are another encoder's, ArtifactError when they are damaged.
    """
    if spec.kind == "sentence-transformers":
        local = None if spec.digest is None else directory
        return SentenceTransformerEncoder(spec, directory=local, device=device)
    encoder = OnnxEncoder(directory, threads=threads)
    if differences := spec.differences(encoder.spec):
        raise EncoderMismatch(f"{directory}: {'; '.join(differences)}")
    return encoder
