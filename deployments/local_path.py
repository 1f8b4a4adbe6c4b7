"""Paths as people write them in a configuration."""

import os
import re
from pathlib import Path


def local_path(text: str) -> Path:
    """`~` is the home, `$NAME` a variable; ValueError if that is not set."""
    found = os.path.expandvars(text)
    if unset := re.search(r"\$\{?(\w+)", found):
        raise ValueError(f"{text}: the environment variable {unset[1]} is not set")
    return Path(found).expanduser()
