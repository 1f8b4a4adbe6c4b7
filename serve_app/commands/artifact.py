"""`avengers fit`, `inspect` and `route`: artifacts from the command line."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans
from artifacts.embedding import embed
from artifacts.encoder import load_encoder
from artifacts.evaluation.judging import judge
from artifacts.fit import FitConfig, Fitted, fit_artifact
from artifacts.location import (
    BUNDLED_ARTIFACT,
    artifact_directory,
    check_destination,
    is_remote,
    save_at,
)
from artifacts.policy import PaperPolicy
from artifacts.records import RecordReader
from artifacts.remote import shown
from artifacts.store import ENCODER, load
from serve_app.commands.artifact_tables import (
    print_decision,
    print_few,
    print_metrics,
    print_models,
    summary,
)
from serve_app.commands.catalog_prices import catalog_prices
from serve_app.commands.encoder_choice import EncoderOption, chosen_encoder
from serve_app.commands.record_options import (
    AllowGaps,
    OnlyModels,
    RecordFiles,
    VectorFolder,
)
from serve_app.commands.selection import with_models
from serve_app.commands.terminal import progress_bar

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_OodQuantile = Annotated[
    float,
    typer.Option(
        min=0,
        max=0.5,
        help="Queries less like the training queries than this share of them were are "
        "routed by the global profile, and marked; 0: none.",
    ),
]


def fit(  # noqa: PLR0913  (the options of a command)
    records: RecordFiles,
    out: Annotated[
        str, typer.Option("--out", "-o", help="Artifact directory, or s3://, gs://, …")
    ],
    encoder: EncoderOption = None,
    models: OnlyModels = None,
    catalog: Annotated[
        Path | None, typer.Option(help="Serve configuration whose prices are noted.")
    ] = None,
    clusters: Annotated[int, typer.Option(min=1, help="k of k-means.")] = 60,
    policy: Annotated[
        Literal["calibrated", "paper"], typer.Option(help="How to decide.")
    ] = "calibrated",
    nearest: Annotated[
        int | None, typer.Option(min=1, help="Clusters a query asks; policy's default.")
    ] = None,
    train_fraction: Annotated[float, typer.Option(min=0.01, max=0.99)] = 0.7,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of the split and of k-means.")
    ] = 0,
    ood_quantile: _OodQuantile = 0.01,
    allow_gaps: AllowGaps = False,
    embeddings: VectorFolder = None,
) -> None:
    """Fit a routing artifact on labelled records."""
    check_destination(out)
    prices = catalog_prices(catalog)
    dataset = RecordReader(prices=prices, allow_gaps=allow_gaps).read(records)
    dataset = with_models(dataset, models)
    text_encoder, files = chosen_encoder(encoder)
    with progress_bar("embedding") as progress:
        vectors = embed(
            dataset.queries,
            text_encoder,
            progress,
            folder=embeddings,
            threads=os.cpu_count() or 1,
        )
    config = FitConfig(
        kmeans=KMeans(n_clusters=clusters, seed=seed),
        policy=_policy(policy, nearest),
        train_fraction=train_fraction,
        out_of_distribution_quantile=ood_quantile,
        prices=prices,
        sources=tuple(path.name for path in records),
    )
    fitted = _judged(fit_artifact(dataset, vectors, text_encoder.spec, config))
    save_at(fitted.artifact, out, encoder_directory=files)
    typer.echo(f"wrote {shown(out) if is_remote(out) else out}")
    print_metrics(fitted.artifact.manifest)
    print_few(fitted.artifact.manifest.models)


def inspect(
    artifact: Annotated[
        str, typer.Argument(help="Directory or address, or 'default': the bundled.")
    ] = BUNDLED_ARTIFACT,
    as_json: _Json = False,
) -> None:
    """Verify an artifact and say what is in it."""
    loaded = load(artifact_directory(artifact))
    manifest = loaded.manifest
    if as_json:
        typer.echo(manifest.model_dump_json(indent=2))
        return
    typer.echo(summary(manifest))
    print_models(loaded)
    print_metrics(manifest)


def route(
    text: Annotated[str, typer.Argument(help="The query.")],
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="0 = cheapest, 1 = best answers.")
    ] = 0.5,
    artifact: Annotated[
        str, typer.Option(help="Directory or address, or 'default': the bundled.")
    ] = BUNDLED_ARTIFACT,
    as_json: _Json = False,
) -> None:
    """Decide for one query: no server, no answer."""
    directory = artifact_directory(artifact)
    loaded = load(directory)
    encoder = load_encoder(loaded.manifest.encoder, directory / ENCODER)
    decision = loaded.choose(encoder.encode([text])[0], alpha)
    if as_json:
        typer.echo(json.dumps({"model": decision.model, **asdict(decision)}, indent=2))
        return
    print_decision(decision)


def _policy(
    kind: Literal["calibrated", "paper"], nearest: int | None
) -> PaperPolicy | CalibratedPolicy:
    chosen = PaperPolicy() if kind == "paper" else CalibratedPolicy()
    if nearest is None:
        return chosen
    return chosen.model_copy(update={"n_nearest_clusters": nearest})


def _judged(fitted: Fitted) -> Fitted:
    """With the held-out metrics in the manifest, if they can be known: routing does
    not need them, and records with gaps may hold no query that every model answered."""
    if len(fitted.test.complete_rows) == 0:
        what = "no held-out query on which every model was measured"
        typer.echo(f"no held-out metrics: {what}", err=True)
        return fitted
    result = judge(fitted.artifact, fitted.test, fitted.test_vectors)
    if result.n_skipped:
        judged = f"{result.n_test - result.n_skipped:,} of {result.n_test:,}"
        what = "some model was not measured on the others"
        typer.echo(f"held-out metrics rest on {judged} queries: {what}", err=True)
    if result.unjudged:
        what = "no held-out query there on which every model was measured"
        names = ", ".join(result.unjudged)
        typer.echo(f"held-out metrics rest on none of {names}: {what}", err=True)
    return fitted.with_metrics({k: dict(v) for k, v in result.metrics.items()})
