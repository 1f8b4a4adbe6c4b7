"""The GPU encoder: any sentence-transformers model, by default in bfloat16."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec, files_digest
from artifacts.errors import ArtifactError, EncoderMismatch
from artifacts.token_window import TokenWindow

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

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

_POOLING = {"mean": "mean", "last": "lasttoken"}


class SentenceTransformerEncoder:
    """Batches of like length, each at most `token_budget` tokens, padding included.

    The padding side follows the model's tokenizer (left for Qwen3). Unlike
    OnnxEncoder a vector may differ in its last digits with its neighbours, as
    floating-point kernels depend on the batch's shape.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        *,
        directory: Path | None = None,
        device: str = "cpu",
        token_budget: int = 16_384,
    ) -> None:
        """Weights from `directory`, else the hub's `spec.id` at `spec.revision`.

        Raises ArtifactError when the files' digest is not the spec's, and
        EncoderMismatch when the model itself is not what the spec says.
        """
        if spec.digest is not None:
            _verify(directory, spec.digest)
        self._spec = spec
        self._model = _load(spec, str(directory or spec.id), device)
        _check_model(self._model, spec)
        tokenizer = self._model.tokenizer
        self._window = TokenWindow(_plain(tokenizer.backend_tokenizer), spec.max_tokens)
        self._pad_id: int = tokenizer.pad_token_id
        self._pad_left: bool = tokenizer.padding_side == "left"
        self._token_budget = token_budget

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dimension), rows of length 1, in the order of `texts`."""
        windows = [self._window.ids(self._spec.prompt + text) for text in texts]
        rows = np.empty((len(texts), self._spec.dimension), dtype=np.float32)
        lengths = [len(window) for window in windows]
        for batch in batches_by_tokens(lengths, self._token_budget):
            rows[batch] = self._vectors([windows[index] for index in batch])
        return rows

    def _vectors(self, windows: list[list[int]]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            features = self._pad(windows)
            pooled = self._model(features)["sentence_embedding"].float()
            unit = torch.nn.functional.normalize(pooled, dim=1)
        vectors: NDArray[np.float32] = unit.cpu().numpy()
        return vectors

    def _pad(self, windows: list[list[int]]) -> "dict[str, Tensor]":
        import torch

        width = max(len(window) for window in windows)
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


def batches_by_tokens(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices grouped by like length, longest first.

    A group's row count times its longest length is at most `budget`; a single text
    longer than that stands alone. Longest first, so that memory runs out at once or
    not at all.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _plain(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither pads nor truncates: both are done here."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def _verify(directory: Path | None, digest: str) -> None:
    if directory is None:
        raise EncoderMismatch("a spec with a digest needs the directory of its files")
    if files_digest(directory) != digest:
        raise ArtifactError(directory, "digest of the files differs from the spec's")


def _load(spec: EncoderSpec, source: str, device: str) -> "SentenceTransformer":
    import torch
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        source,
        revision=spec.revision if source == spec.id else None,
        device=device,
        model_kwargs={"dtype": getattr(torch, spec.dtype)},
    ).eval()


def _check_model(model: "SentenceTransformer", spec: EncoderSpec) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    found = {
        "dimension": (model.get_embedding_dimension(), spec.dimension),
        "pooling": (
            next((m.pooling_mode for m in model if isinstance(m, Pooling)), None),
            _POOLING[spec.pooling],
        ),
    }
    for name, (actual, wanted) in found.items():
        if actual != wanted:
            raise EncoderMismatch(f"{spec.id}: {name} is {actual}, not {wanted}")
