"""`avengers import`: tables of one's own and results of others as records."""

import json
from pathlib import Path
from typing import Annotated

import typer

from artifacts.errors import BadInput
from artifacts.importers.cells import ImportOptions
from artifacts.importers.coverage import Coverage
from artifacts.importers.formats import Format, import_results
from artifacts.importers.records_file import check_writable, write_records
from serve_app.commands.catalog_prices import catalog_prices
from serve_app.commands.terminal import print_table

_COLUMNS = 6


def import_records(  # noqa: PLR0913  (the options of a command)
    kind: Annotated[
        Format, typer.Argument(metavar="FORMAT", help="Whose results they are.")
    ],
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SRC", help="Files, or directories of results."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Records: .jsonl, .gz, .xz.")
    ],
    catalog: Annotated[
        Path | None,
        typer.Option(help="Serve configuration whose prices stand in for costs."),
    ] = None,
    model_name: Annotated[
        list[str] | None,
        typer.Option(metavar="FROM=TO", help="Call model FROM TO; repeatable."),
    ] = None,
    drop_unpriced: Annotated[
        bool, typer.Option(help="Leave a gap where no cost can be known.")
    ] = False,
    scorer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:KEY]", help="Inspect: which score, and which of its values."
        ),
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option(help="Inspect: read logs of runs that did not end well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Turn your own tables or results of others into records.

    table: CSV or Parquet of your own, a row for each query and model, with the columns
    query, model, score (0 to 1) and cost (USD).

    A model that was not scored on a query is a gap, never a 0; `fit --allow-gaps`
    reads such records.
    """
    check_writable(out)
    options = ImportOptions(
        prices=catalog_prices(catalog),
        model_names=_model_names(model_name or ()),
        drop_unpriced=drop_unpriced,
        scorer=scorer,
        allow_incomplete=allow_incomplete,
    )
    imported = import_results(kind, sources, options)
    write_records(out, imported.records)
    if as_json:
        typer.echo(json.dumps(imported.coverage.to_dict(), indent=2))
        return
    typer.echo(f"wrote {out}: {len(imported.records):,} queries")
    _print_coverage(imported.coverage)


def _model_names(pairs: list[str] | tuple[()]) -> dict[str, str]:
    names: dict[str, str] = {}
    for pair in pairs:
        before, _, after = pair.partition("=")
        if not before.strip() or not after.strip():
            raise BadInput(f"--model-name {pair}: FROM=TO is needed")
        if before in names:
            raise BadInput(f"--model-name {pair}: {before!r} is named twice")
        names[before] = after
    return names


def _print_coverage(coverage: Coverage) -> None:
    """The table, the longer side downwards, in parts that a terminal can hold."""
    across, down = coverage.datasets, coverage.models
    by_model = len(across) <= len(down)
    if not by_model:
        across, down = down, across
    for start in range(0, len(across), _COLUMNS):
        part = across[start : start + _COLUMNS]
        print_table(
            "Scored queries, of all in the dataset",
            ("model" if by_model else "dataset", *part),
            [
                (
                    row,
                    *(
                        _cell(coverage, *((row, c) if by_model else (c, row)))
                        for c in part
                    ),
                )
                for row in down
            ],
        )
    for line in _remarks(coverage):
        typer.echo(line)


def _cell(coverage: Coverage, model: str, dataset: str) -> str:
    n = coverage.scored.get((model, dataset), 0)
    return f"{n:,} / {coverage.queries[dataset]:,}"


def _remarks(coverage: Coverage) -> list[str]:
    lines = [f"skipped, {reason}: {n:,}" for reason, n in coverage.reasons().items()]
    if unscored := sum(coverage.unscored.values()):
        lines.append(f"queries that no model was scored on, not written: {unscored:,}")
    if estimated := sum(coverage.estimated.values()):
        lines.append(f"costs estimated from tokens and the catalog: {estimated:,}")
    if coverage.gaps:
        lines.append(f"gaps: {coverage.gaps:,} (fit needs --allow-gaps)")
    return [*lines, *coverage.notes]
