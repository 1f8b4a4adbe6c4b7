"""What a check has to say about one place of a manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `where` is kind/name and the path of the field."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def named(manifest: Object) -> str:
    """kind/name."""
    name = (manifest.get("metadata") or {}).get("name", "?")
    return f"{manifest.get('kind', '?')}/{name}"
