"""The GPU encoder: any sentence-transformers model, by default in bfloat16."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec, verify_files
from artifacts.token_batches import batch_shapes, batches_by_tokens
from artifacts.token_window import TokenIds, TokenWindow, plain
from artifacts.torch_model import check_model, load_model

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

QWEN3_EMBEDDING_8B = EncoderSpec(
    kind="sentence-transformers",
    id="Qwen/Qwen3-Embedding-8B",
    revision=None,
    dimension=4096,
    max_tokens=8192,
    pooling="last",
    prompt=(
        "Instruct: Given a user's request to an assistant, represent its subject and"
        " difficulty\nQuery:"
    ),
    dtype="bfloat16",
    digest=None,
)
"""`revision` is for the caller to pin: `spec.model_copy(update={"revision": ...})`."""

_GPU_WIDTH = 8  # tensor cores work in tiles: widths of batches are multiples of it


class SentenceTransformerEncoder:
    """Batches of like length, each at most `token_budget` tokens, padding included.

    The padding side follows the model's tokenizer (left for Qwen3). Unlike
    OnnxEncoder a vector may differ in its last digits with its neighbours, as
    floating-point kernels depend on the batch's shape.
    """

    runs_batches = True

    def __init__(
        self,
        spec: EncoderSpec,
        *,
        directory: Path | None = None,
        device: str = "cpu",
        token_budget: int = 16_384,
    ) -> None:
        """Weights from `directory`, else the hub's `spec.id` at `spec.revision`.

        `device`: cpu, cuda, or auto: the GPU if torch sees one. Raises ArtifactError
        when the weights cannot be loaded or their digest is not the spec's, and
        EncoderMismatch when the model itself is not what the spec says.
        """
        if spec.digest is not None:
            verify_files(directory, spec.digest)
        self._spec = spec
        self._model = load_model(spec, str(directory or spec.id), device)
        check_model(self._model, spec)
        tokenizer = self._model.tokenizer
        self._window = TokenWindow(plain(tokenizer.backend_tokenizer), spec.max_tokens)
        self._pad_id: int = tokenizer.pad_token_id
        self._pad_left: bool = tokenizer.padding_side == "left"
        self._token_budget = token_budget
        self._width = _GPU_WIDTH if self.on_gpu else 1

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    @property
    def tokenizer(self) -> Tokenizer:
        """It neither pads nor truncates."""
        return self._window.tokenizer

    @property
    def on_gpu(self) -> bool:
        """Whether the weights are on a GPU."""
        return bool(self._model.device.type == "cuda")

    @property
    def attention(self) -> str:
        """What computes attention: flash_attention_2, sdpa, …"""
        return str(self._model[0].model.config._attn_implementation)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dimension), rows of length 1, in the order of `texts`."""
        return self.encode_ids(self.token_ids(texts))

    def token_ids(self, texts: Sequence[str]) -> list[TokenIds]:
        """What is read of each text, prompt and special tokens too."""
        return [self._window.ids(self._spec.prompt + text) for text in texts]

    def encode_ids(self, windows: Sequence[TokenIds]) -> NDArray[np.float32]:
        """The rows of what `token_ids` has made."""
        rows = np.empty((len(windows), self._spec.dimension), dtype=np.float32)
        lengths = [self._padded(len(window)) for window in windows]
        for batch in batches_by_tokens(lengths, self._token_budget):
            rows[batch] = self._in_memory([windows[index] for index in batch])
        return rows

    def warm_up(self) -> None:
        """Run once what allocates, and on a GPU chooses kernels: every shape of batch.

        The largest first: where memory does not suffice, that shows here.
        """
        start = time.perf_counter()
        shapes = [(1, 16)]
        if self.on_gpu:
            shapes = batch_shapes(self._spec.max_tokens, self._token_budget)
        [token] = self._window.ids("a")[:1]
        for rows, length in shapes:
            self._vectors([[token] * length] * rows)
        took_s = time.perf_counter() - start
        said = "%s: %d shapes warmed up in %.1f s on %s with %s"
        device = self._model.device
        logger.info(said, self.spec.id, len(shapes), took_s, device, self.attention)

    def _in_memory(self, windows: list[TokenIds]) -> NDArray[np.float32]:
        """In halves where the GPU's memory does not hold them together: others may
        have taken some of it, and a fit has warmed nothing up."""
        import torch

        try:
            return self._vectors(windows)
        except torch.OutOfMemoryError:
            if len(windows) == 1:
                raise
        # Only now: while it is handled, an error holds on to what the batch took.
        middle = len(windows) // 2
        halves = windows[:middle], windows[middle:]
        return np.concatenate([self._in_memory(half) for half in halves])

    def _vectors(self, windows: list[TokenIds]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            features = self._pad(windows)
            pooled = self._model(features)["sentence_embedding"].float()
            unit = torch.nn.functional.normalize(pooled, dim=1)
        vectors: NDArray[np.float32] = unit.cpu().numpy()
        return vectors

    def _padded(self, length: int) -> int:
        return length + -length % self._width

    def _pad(self, windows: list[TokenIds]) -> "dict[str, Tensor]":
        import torch

        width = self._padded(max(len(window) for window in windows))
        ids = np.full((len(windows), width), self._pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            start = width - len(window) if self._pad_left else 0
            ids[row, start : start + len(window)] = window
            mask[row, start : start + len(window)] = 1
        device = self._model.device
        return {
            "input_ids": torch.from_numpy(ids).to(device),
            "attention_mask": torch.from_numpy(mask).to(device),
        }
