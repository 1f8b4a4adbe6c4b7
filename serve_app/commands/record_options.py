"""Options of every command that reads records."""

from pathlib import Path
from typing import Annotated

import typer

RecordFiles = Annotated[list[Path], typer.Argument(help="Records: .jsonl, .gz, .xz.")]
OnlyModels = Annotated[
    str | None, typer.Option(help="Only these models, comma-separated.")
]
CostCatalog = Annotated[
    Path | None,
    typer.Option(help="Serve configuration: its prices fill in missing costs."),
]
AllowGaps = Annotated[
    bool, typer.Option(help="Accept lines that lack some of the models.")
]
VectorFolder = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps the vectors; a later run goes on there."),
]
