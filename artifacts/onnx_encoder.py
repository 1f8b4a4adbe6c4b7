"""The CPU encoder: an ONNX graph and its tokenizer in one directory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import ValidationError
from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec, files_digest
from artifacts.errors import ArtifactError
from artifacts.token_window import TokenWindow

SPEC_FILE = "encoder.json"
MODEL_FILES = ["model.onnx", "tokenizer.json"]


class OnnxEncoder:
    """Runs one text at a time, so a text's vector never depends on its neighbours.

    Dynamic int8 quantisation takes one activation scale per tensor: in a batch, the
    other rows move a row's vector (`scripts/bench/encoder` prints by how much).
    One by one is also the faster way on a CPU, as nothing is spent on padding.

    Safe to call from several threads at once: session and tokenizer are read only.
    """

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        """Raises ArtifactError when a file is missing, unreadable or altered."""
        self._spec = read_spec(directory)
        if files_digest(directory, MODEL_FILES) != self._spec.digest:
            what = f"digest of {' and '.join(MODEL_FILES)} differs from {SPEC_FILE}"
            raise ArtifactError(directory, what)
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._window = TokenWindow(tokenizer, self._spec.max_tokens)
        self._session = ort.InferenceSession(
            directory / "model.onnx",
            _session_options(threads),
            providers=["CPUExecutionProvider"],
        )
        self._inputs = {node.name for node in self._session.get_inputs()}
        width = self._session.get_outputs()[0].shape[-1]
        if width != self._spec.dimension:
            what = f"dimension {self._spec.dimension}, but model.onnx gives {width}"
            raise ArtifactError(directory / SPEC_FILE, what)

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dimension), rows of length 1, in the order of `texts`."""
        rows = np.empty((len(texts), self._spec.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = self._vector(text)
        return rows

    def _vector(self, text: str) -> NDArray[np.float32]:
        ids = np.array([self._window.ids(self._spec.prompt + text)], dtype=np.int64)
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
    """The directory's encoder.json; ArtifactError unless it describes ONNX files."""
    path = directory / SPEC_FILE
    try:
        spec = EncoderSpec.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ArtifactError(path, error.strerror or "cannot be read") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        raise ArtifactError(path, f"{where}: {first['msg']}") from error
    if spec.kind != "onnx":
        raise ArtifactError(path, f"kind is {spec.kind!r}, not 'onnx'")
    return spec


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads would spin: a little faster on idle cores, but several times the
    # CPU per query at low traffic, and far slower where others want the cores too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
