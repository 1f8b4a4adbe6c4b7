"""`avengers add-model`, `remove-model` and `reprice`: an artifact made from another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from artifacts.artifact import RoutingArtifact
from artifacts.embedding import embed
from artifacts.encoder import load_encoder
from artifacts.errors import BadInput
from artifacts.extend import NewRecords, add_models, new_models, remove_models
from artifacts.location import artifact_directory, check_destination, is_remote, save_at
from artifacts.records import RecordReader
from artifacts.remote import shown
from artifacts.reprice import reprice as repriced
from artifacts.store import ENCODER, load
from artifacts.token_price import TokenPrice
from serve_app.commands.artifact_tables import print_few, print_models
from serve_app.commands.catalog_prices import catalog_prices
from serve_app.commands.record_options import RecordFiles
from serve_app.commands.terminal import progress_bar

_Artifact = Annotated[
    str, typer.Argument(help="Directory or address, or 'default': the bundled one.")
]
_Out = Annotated[
    str,
    typer.Option("--out", "-o", help="Where to write; may be the same ARTIFACT."),
]
_Catalog = Annotated[
    Path | None, typer.Option(help="Serve configuration with the prices.")
]
_PER_MILLION = 1e-6


def add_model(
    artifact: _Artifact,
    records: RecordFiles,
    out: _Out,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Add only this model; repeatable. Default: all new ones."),
    ] = None,
    catalog: _Catalog = None,
) -> None:
    """Add models to an artifact from records, without a fit.

    The records may be of a part of the queries, or of others of the same kind; lines
    may lack a model. Models that the artifact has already are left out of account, and
    decisions among them stay what they were.
    """
    check_destination(out)
    directory = artifact_directory(artifact)
    old = load(directory)
    prices = catalog_prices(catalog)
    dataset = RecordReader(prices=prices, allow_gaps=True).read(records)
    models = new_models(old, dataset, model or ())
    if ignored := sorted(set(dataset.models) - set(models)):
        typer.echo(f"left out of account: {', '.join(ignored)}", err=True)
    encoder = load_encoder(old.manifest.encoder, directory / ENCODER)
    with progress_bar("embedding") as progress:
        vectors = embed(dataset.queries, encoder, progress)
    sources = tuple(path.name for path in records)
    added = NewRecords(dataset, vectors, prices, sources)
    larger = add_models(old, models, added)
    _write(larger, directory, out)
    print_few(one for one in larger.manifest.models if one.model in models)


def remove_model(
    artifact: _Artifact,
    model: Annotated[list[str], typer.Argument(help="Models to take out.")],
    out: _Out,
) -> None:
    """Take models out of an artifact; the others' numbers stay."""
    check_destination(out)
    directory = artifact_directory(artifact)
    _write(remove_models(load(directory), model), directory, out)


def reprice(
    artifact: _Artifact,
    out: _Out,
    catalog: _Catalog = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=IN,OUT",
            help="USD per million tokens in and out; repeatable; over the catalog's.",
        ),
    ] = None,
) -> None:
    """Give models of an artifact new prices, without a fit.

    Costs follow from the tokens that the artifact has noted. Models without a new
    price keep their costs.
    """
    check_destination(out)
    given = _prices(price or ())
    prices = {**catalog_prices(catalog), **given}
    if not prices:
        raise BadInput("no prices: give --catalog or --price")
    directory = artifact_directory(artifact)
    old = load(directory)
    if unknown := sorted(given.keys() - set(old.models)):
        raise BadInput(f"--price: not in the artifact: {', '.join(unknown)}")
    if kept := sorted(set(old.models) - prices.keys()):
        typer.echo(f"no new price: {', '.join(kept)}", err=True)
    _write(repriced(old, prices), directory, out)


def _prices(texts: Sequence[str]) -> dict[str, TokenPrice]:
    """By model; BadInput for one that is named twice."""
    prices: dict[str, TokenPrice] = {}
    for text in texts:
        model, price = _price(text)
        if model in prices:
            raise BadInput(f"--price {text!r}: {model!r} is named twice")
        prices[model] = price
    return prices


def _price(text: str) -> tuple[str, TokenPrice]:
    """MODEL=IN,OUT in USD per million tokens."""
    model, _, values = text.rpartition("=")
    try:
        into, out = (float(value) for value in values.split(","))
    except ValueError:
        into = out = float("nan")
    if not model or not (0 <= into < float("inf") and 0 <= out < float("inf")):
        raise BadInput(f"--price {text!r}: MODEL=IN,OUT in USD per million tokens")
    return model, TokenPrice(into * _PER_MILLION, out * _PER_MILLION)


def _write(artifact: RoutingArtifact, source: Path, out: str) -> None:
    """With the encoder of the artifact in `source`, which may be `out`.

    Its report and metrics stay behind: they are another artifact's.
    """
    encoder = source / ENCODER
    save_at(artifact, out, encoder_directory=encoder if encoder.is_dir() else None)
    typer.echo(f"wrote {shown(out) if is_remote(out) else out}")
    print_models(artifact)
