"""Text -> unit-length float32 rows: the only place where text becomes a vector.

Knows nothing of clusters, models or scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import EncoderMismatch
from artifacts.onnx_encoder import OnnxEncoder
from artifacts.token_window import TokenIds
from artifacts.torch_encoder import SentenceTransformerEncoder

__all__ = [
    "Encoder",
    "EncoderRun",
    "EncoderSpec",
    "OnnxEncoder",
    "SentenceTransformerEncoder",
    "TokenEncoder",
    "load_encoder",
]


class Encoder(Protocol):
    """What fit, evaluation and live traffic share."""

    @property
    def spec(self) -> EncoderSpec: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, spec.dimension), rows of length 1, in the order of `texts`."""
        ...


class TokenEncoder(Encoder, Protocol):
    """The same in its two steps, so that each may have its own thread and batches."""

    @property
    def runs_batches(self) -> bool:
        """Whether texts given together cost less than one by one."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """It neither pads nor truncates."""
        ...

    def token_ids(self, texts: Sequence[str]) -> list[TokenIds]:
        """What is read of each text, prompt and special tokens too."""
        ...

    def encode_ids(self, windows: Sequence[TokenIds]) -> NDArray[np.float32]:
        """`encode` of what `token_ids` has made."""
        ...

    def warm_up(self) -> None:
        """Run once what only the first batches would have to wait for."""
        ...


@dataclass(frozen=True, slots=True)
class EncoderRun:
    """How an encoder is run: `threads` is for ONNX, the rest for torch.

    `device`: cpu, cuda or auto. `source`: a directory with the weights of a hub's
    model. `token_budget`: of one batch, padding included.
    """

    threads: int = 1
    device: str = "auto"
    source: Path | None = None
    token_budget: int = 16_384


_AS_IT_COMES = EncoderRun()


def load_encoder(
    spec: EncoderSpec, directory: Path, run: EncoderRun = _AS_IT_COMES
) -> TokenEncoder:
    """The encoder that a manifest names.

    `directory` holds its files; it is not read for a hub's model (no digest). Raises
    EncoderMismatch when the files are another encoder's, ArtifactError when they are
    damaged.
    """
    if spec.kind == "sentence-transformers":
        local = run.source if spec.digest is None else directory
        return SentenceTransformerEncoder(
            spec, directory=local, device=run.device, token_budget=run.token_budget
        )
    encoder = OnnxEncoder(directory, threads=run.threads)
    if differences := spec.differences(encoder.spec):
        raise EncoderMismatch(f"{directory}: {'; '.join(differences)}")
    return encoder
