"""Which encoder a fit is for: the bundled one, a directory's, or one of a hub."""

from pathlib import Path
from typing import Annotated

import typer

from artifacts.encoder import EncoderSpec, TokenEncoder, load_encoder
from artifacts.encoder_spec import SPEC_FILE
from artifacts.errors import BadInput
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.onnx_encoder import read_spec
from artifacts.store import ENCODER
from artifacts.torch_encoder import QWEN3_EMBEDDING_8B

_OF_HUB = {"qwen3-embedding-8b": QWEN3_EMBEDDING_8B}
EncoderOption = Annotated[
    str | None,
    typer.Option(
        help="Encoder directory, or qwen3-embedding-8b@REVISION (on a GPU if there is "
        "one); default: the bundled one."
    ),
]


def chosen_encoder(choice: str | None) -> tuple[TokenEncoder, Path | None]:
    """The encoder, and the directory to put into the artifact; None: it is only named.

    `choice`: a directory with an encoder.json, or NAME@REVISION of a hub's model.
    """
    if choice is None:
        return _of_directory(artifact_directory(BUNDLED_ARTIFACT) / ENCODER)
    name, at, revision = choice.partition("@")
    if name in _OF_HUB:
        return load_encoder(_pinned(name, at, revision), Path()), None
    directory = Path(choice)
    if not (directory / SPEC_FILE).is_file():
        known = ", ".join(f"{each}@REVISION" for each in _OF_HUB)
        raise BadInput(f"--encoder {choice}: no {SPEC_FILE} there; or {known}")
    return _of_directory(directory)


def _pinned(name: str, at: str, revision: str) -> EncoderSpec:
    # Else the hub may have other weights tomorrow, and the artifact would not know.
    if not at or not revision:
        raise BadInput(f"--encoder {name}: state the commit, {name}@REVISION")
    return _OF_HUB[name].model_copy(update={"revision": revision})


def _of_directory(directory: Path) -> tuple[TokenEncoder, Path | None]:
    spec = read_spec(directory)
    return load_encoder(spec, directory), directory if spec.digest else None
