"""What identifies an encoder: the description in manifests, and the files' digest."""

import hashlib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from artifacts.errors import ArtifactError, EncoderMismatch

SPEC_FILE = "encoder.json"


class EncoderSpec(BaseModel):
    """All that decides which vector a text gets; two equal specs are interchangeable.

    It lies beside the encoder as `encoder.json` and inside the artifact's manifest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["onnx", "sentence-transformers"]
    id: str = Field(min_length=1, description="The model's public name.")
    revision: str | None = Field(description="Commit or version of the weights.")
    dimension: int = Field(gt=0)
    max_tokens: int = Field(ge=8, description="Window, special tokens included.")
    pooling: Literal["mean", "last"]
    prompt: str = Field(description="Stands before each query; may be empty.")
    dtype: Literal["int8", "float32", "bfloat16"]
    digest: str | None = Field(
        pattern="^[0-9a-f]{64}$",
        description="files_digest of the weights and tokenizer; null: from a hub.",
    )

    @model_validator(mode="after")
    def _kind_fits(self) -> Self:
        if self.kind == "onnx" and self.digest is None:
            raise ValueError("an ONNX encoder needs a digest")
        if self.kind == "sentence-transformers" and self.dtype == "int8":
            raise ValueError("sentence-transformers cannot run int8 weights")
        return self

    @property
    def key(self) -> str:
        """Digest of all of it: prompt and window matter, and not the files alone."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def differences(self, other: "EncoderSpec") -> list[str]:
        """One `field: ours != theirs` for each field that differs."""
        ours, theirs = self.model_dump(), other.model_dump()
        return [
            f"{name}: {value!r} != {theirs[name]!r}"
            for name, value in ours.items()
            if value != theirs[name]
        ]


def files_digest(directory: Path, names: list[str] | None = None) -> str:
    """SHA-256 over the name, size and bytes of each file, in the order of names.

    Without `names`: every file below `directory` but those in hidden folders, and but
    encoder.json, which states the digest.
    """
    digest = hashlib.sha256()
    for name in sorted(names or _visible_files(directory)):
        path = directory / name
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            size = path.stat().st_size
        except OSError as error:
            raise ArtifactError(path, error.strerror or "cannot be read") from error
        digest.update(f"{name}\0{size}\0".encode() + content)
    return digest.hexdigest()


def _visible_files(directory: Path) -> list[str]:
    relative = (
        path.relative_to(directory) for path in directory.rglob("*") if path.is_file()
    )
    return [
        path.as_posix()
        for path in relative
        if not any(part.startswith(".") for part in path.parts)
        and path.as_posix() != SPEC_FILE
    ]


def verify_files(directory: Path | None, digest: str) -> None:
    """ArtifactError unless the files in `directory` are those of the digest."""
    if directory is None:
        raise EncoderMismatch("a spec with a digest needs the directory of its files")
    if files_digest(directory) != digest:
        raise ArtifactError(directory, "digest of the files differs from the spec's")
