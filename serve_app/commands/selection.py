"""Choosing columns of a dataset from the command line."""

import typer

from artifacts.dataset import RoutingDataset
from artifacts.errors import BadInput


def with_models(dataset: RoutingDataset, models: str | None) -> RoutingDataset:
    """Only the comma-separated `models`, and the queries that one of them has a score
    for: others would take clusters in which nothing is known. A line on standard error
    names the collections of which nothing is left. BadInput names a model without
    records."""
    if models is None:
        return dataset
    try:
        chosen = dataset.with_models([name.strip() for name in models.split(",")])
    except KeyError as error:
        known = ", ".join(dataset.models)
        message = f"--models: no records of {error.args[0]!r}; there are {known}"
        raise BadInput(message) from None
    measured = chosen.measured
    gone = sorted(set(dataset.datasets) - set(measured.datasets))
    if gone:
        what = "none of these models was measured there"
        typer.echo(f"--models: left out {', '.join(gone)}: {what}", err=True)
    return measured
