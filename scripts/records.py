"""Where the records lie that measurements read."""

import os
from pathlib import Path

_BESIDE = Path(__file__).parents[2] / "shared/data"


def data_directory() -> Path:
    """AVENGERS_DATA, else `../shared/data` beside the repository."""
    return Path(os.environ.get("AVENGERS_DATA", _BESIDE))


def zeroeval() -> Path:
    """The file that the bundled artifact is fitted on, which need not be there."""
    return data_directory() / "zeroeval.jsonl.xz"


def zeroeval_if_there() -> Path | None:
    """The same, for what does without it."""
    path = zeroeval().resolve()
    return path if path.is_file() else None
