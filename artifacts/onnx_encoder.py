"""The CPU encoder: an ONNX graph and its tokenizer in one directory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from tokenizers import Tokenizer

from artifacts.encoder_spec import SPEC_FILE, EncoderSpec, files_digest
from artifacts.errors import ArtifactError, first_of
from artifacts.token_window import TokenIds, TokenWindow, plain

MODEL_FILES = ["model.onnx", "tokenizer.json"]
_OFFERED = {"input_ids", "attention_mask", "token_type_ids"}  # see `_vector`


class OnnxEncoder:
    """Runs one text at a time, so a text's vector never depends on its neighbours.

    Dynamic int8 quantisation takes one activation scale per tensor: in a batch, the
    other rows move a row's vector (`scripts/bench/encoder` prints by how much).
    One by one is also the faster way on a CPU, as nothing is spent on padding.

    Safe to call from several threads at once: session and tokenizer are read only.
    """

    runs_batches = False

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        """Raises ArtifactError when a file is missing, altered, or cannot be used."""
        self._spec = spec = read_spec(directory)
        if spec.kind != "onnx":
            what = f"kind is {spec.kind!r}, not 'onnx'"
            raise ArtifactError(directory / SPEC_FILE, what)
        if files_digest(directory, MODEL_FILES) != self._spec.digest:
            what = f"digest of {' and '.join(MODEL_FILES)} differs from {SPEC_FILE}"
            raise ArtifactError(directory, what)
        with _usable(directory / "tokenizer.json") as path:
            tokenizer = Tokenizer.from_file(str(path))
        self._window = TokenWindow(plain(tokenizer), spec.max_tokens)
        with _usable(directory / "model.onnx") as path:
            self._session = _session(path, threads)
        self._inputs = {node.name for node in self._session.get_inputs()}
        if unknown := sorted(self._inputs - _OFFERED):
            what = f"it wants {unknown[0]!r}, and can be given {sorted(_OFFERED)}"
            raise ArtifactError(directory / "model.onnx", what)
        width = self._session.get_outputs()[0].shape[-1]
        if width != self._spec.dimension:
            what = f"dimension {self._spec.dimension}, but model.onnx gives {width}"
            raise ArtifactError(directory / SPEC_FILE, what)

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    @property
    def tokenizer(self) -> Tokenizer:
        """It neither pads nor truncates."""
        return self._window.tokenizer

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dimension), rows of length 1, in the order of `texts`."""
        return self.encode_ids(self.token_ids(texts))

    def token_ids(self, texts: Sequence[str]) -> list[TokenIds]:
        """What is read of each text, prompt and special tokens too."""
        return [self._window.ids(self._spec.prompt + text) for text in texts]

    def encode_ids(self, windows: Sequence[TokenIds]) -> NDArray[np.float32]:
        """The rows of what `token_ids` has made."""
        rows = np.empty((len(windows), self._spec.dimension), dtype=np.float32)
        for row, window in zip(rows, windows, strict=True):
            row[:] = self._vector(window)
        return rows

    def warm_up(self) -> None:
        """The first inference allocates."""
        self.encode(["warm-up"])

    def _vector(self, window: TokenIds) -> NDArray[np.float32]:
        ids = np.array([window], dtype=np.int64)
        offered = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        feed = {name: offered[name] for name in self._inputs}
        hidden = self._session.run(None, feed)[0][0]
        # Every position is a real token: nothing is padded, so no mask is needed.
        pooled = hidden.mean(axis=0) if self._spec.pooling == "mean" else hidden[-1]
        vector: NDArray[np.float32] = pooled / np.linalg.norm(pooled)
        return vector


def read_spec(directory: Path) -> EncoderSpec:
    """The directory's encoder.json; ArtifactError if it describes no encoder."""
    path = directory / SPEC_FILE
    try:
        return EncoderSpec.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ArtifactError(path, error.strerror or "cannot be read") from error
    except ValidationError as error:
        raise ArtifactError(path, first_of(error)) from error


@contextmanager
def _usable(path: Path) -> Iterator[Path]:
    """ArtifactError where a library refuses the file: a graph for a newer runtime, say.
    Neither library has a class of its own for that."""
    try:
        yield path
    except Exception as error:  # noqa: BLE001
        why = " ".join(str(error).split()) or type(error).__name__
        raise ArtifactError(path, f"it cannot be used: {why}") from None


def _session(path: Path, threads: int) -> Any:
    # Here: whoever reads artifacts only needs no runtime.
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads would spin: a little faster on idle cores, but several times the
    # CPU per query at low traffic, and far slower where others want the cores too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
