"""What can be wrong with the input of the offline side.

BadInput            one line for the user; the command line exits with 2
├── RecordError     a line of a records file
├── ArtifactError   a routing artifact or one of its files
└── EncoderMismatch vectors of one encoder offered to another's artifact
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def first_of(error: "ValidationError", whole: str = "content") -> str:
    """The first thing that is wrong, as `field: what`; `whole`: said for no field."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or whole}: {first['msg']}"


class BadInput(Exception):
    """The input cannot be used; the message says where and why, in one line."""


class RecordError(BadInput):
    """A records file is unusable at `line` (1-based)."""

    def __init__(self, file: Path | str, line: int, what: str) -> None:
        super().__init__(f"{file}:{line}: {what}")
        self.file = str(file)
        self.line = line
        self.what = what

    def __reduce__(self) -> tuple[type["RecordError"], tuple[str, int, str]]:
        return type(self), (self.file, self.line, self.what)


class ArtifactError(BadInput):
    """A routing artifact (or its encoder) at `path` is unusable."""

    def __init__(self, path: Path | str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = str(path)
        self.what = what

    def __reduce__(self) -> tuple[type["ArtifactError"], tuple[str, str]]:
        return type(self), (self.path, self.what)


class EncoderMismatch(BadInput):
    """Vectors of one encoder mean nothing among the centroids of another."""
