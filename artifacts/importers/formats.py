"""The formats that can be imported, by name."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from artifacts.errors import BadInput
from artifacts.importers import (
    avengers_pro,
    inspect_logs,
    llmrouterbench,
    long_table,
    routerbench,
)
from artifacts.importers.assembly import Assembly
from artifacts.importers.cells import Attempt, ImportOptions, Note
from artifacts.importers.coverage import Coverage

Reader = Callable[[Sequence[Path], ImportOptions], Iterable[Attempt | Note]]


class Format(StrEnum):
    """Whose results they are."""

    TABLE = "table"
    AVENGERS_PRO = "avengers-pro"
    ROUTERBENCH = "routerbench"
    LLMROUTERBENCH = "llmrouterbench"
    INSPECT = "inspect"


@dataclass(frozen=True, slots=True)
class Imported:
    """Records in our format, in a fixed order, and what they cover."""

    records: list[dict[str, Any]]
    coverage: Coverage


_READERS: dict[Format, Reader] = {
    Format.TABLE: long_table.read,
    Format.AVENGERS_PRO: avengers_pro.read,
    Format.ROUTERBENCH: routerbench.read,
    Format.LLMROUTERBENCH: llmrouterbench.read,
    Format.INSPECT: inspect_logs.read,
}


def import_results(
    kind: Format, sources: Sequence[Path], options: ImportOptions
) -> Imported:
    """All sources as records; BadInput names file, row and field of what is wrong."""
    if kind is not Format.INSPECT and (options.scorer or options.allow_incomplete):
        raise BadInput(f"--scorer and --allow-incomplete are for {Format.INSPECT}")
    assembly = Assembly(options, join_by_id=kind is Format.INSPECT)
    assembly.add(_READERS[kind](sources, options))
    return Imported(*assembly.finish())
