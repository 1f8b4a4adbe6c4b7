"""Paths as people write them in a configuration."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

# As os.path.expandvars takes them.
_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)


def unset_in(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The variables in a path that are not set; an empty one is none."""
    for found in _VARIABLE.findall(text):
        name = found.strip("{}")
        if not environment.get(name, "").strip():
            yield name


def local_path(text: str) -> Path:
    """`~` is the home, `$NAME` a variable; ValueError if that is not set."""
    for name in unset_in(text, os.environ):
        raise ValueError(f"{text}: the environment variable {name} is not set")
    try:
        return Path(os.path.expandvars(text)).expanduser()
    except RuntimeError as error:  # a user without a home
        raise ValueError(f"{text}: {error}") from None
