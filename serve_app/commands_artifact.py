"""`avengers fit`, `inspect` and `route`: artifacts from the command line."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from artifacts.artifact import Manifest, RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans
from artifacts.encoder import Encoder, load_encoder
from artifacts.evaluation import judge
from artifacts.fit import FitConfig, Fitted, embed, fit_artifact
from artifacts.onnx_encoder import read_spec
from artifacts.policy import PaperPolicy, RoutingDecision
from artifacts.record_line import TokenPrice
from artifacts.records import RecordReader
from artifacts.store import ENCODER, load, save
from serve_app.config import BUNDLED_ARTIFACT, artifact_directory
from serve_app.config_file import app_config
from serve_app.selection import with_models
from serve_app.serve_config import read_config
from serve_app.terminal import SHOWN, print_table, progress_bar


class PolicyName(StrEnum):
    """The policies that an artifact can be fitted for."""

    PAPER = "paper"
    CALIBRATED = "calibrated"


_POLICIES: dict[PolicyName, type[PaperPolicy] | type[CalibratedPolicy]] = {
    PolicyName.PAPER: PaperPolicy,
    PolicyName.CALIBRATED: CalibratedPolicy,
}

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fit(  # noqa: PLR0913  (the options of a command)
    records: Annotated[list[Path], typer.Argument(help="Records: .jsonl, .gz, .xz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Artifact directory.")],
    encoder: Annotated[
        Path | None, typer.Option(help="Encoder directory; default: the bundled one.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Only these models, comma-separated.")
    ] = None,
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
    seed: int = 0,
    allow_gaps: Annotated[
        bool, typer.Option(help="Accept lines that lack some of the models.")
    ] = False,
) -> None:
    """Fit a routing artifact on labelled records."""
    prices = _prices(catalog)
    dataset = RecordReader(prices=prices, allow_gaps=allow_gaps).read(records)
    dataset = with_models(dataset, models)
    files = encoder or artifact_directory(BUNDLED_ARTIFACT) / ENCODER
    text_encoder = _encoder(files)
    with progress_bar("embedding") as progress:
        vectors = embed(dataset.queries, text_encoder, progress)
    config = FitConfig(
        kmeans=KMeans(n_clusters=clusters, seed=seed),
        policy=_policy(policy, nearest),
        train_fraction=train_fraction,
        prices=prices,
        sources=tuple(path.name for path in records),
    )
    fitted = _judged(fit_artifact(dataset, vectors, text_encoder.spec, config))
    save(fitted.artifact, out, encoder_directory=files)
    typer.echo(f"wrote {out}")
    _print_metrics(fitted.artifact.manifest)


def inspect(
    artifact: Annotated[
        str, typer.Argument(help="Artifact directory, or 'default': the bundled one.")
    ] = BUNDLED_ARTIFACT,
    as_json: _Json = False,
) -> None:
    """Verify an artifact and say what is in it."""
    loaded = load(artifact_directory(artifact))
    manifest = loaded.manifest
    if as_json:
        typer.echo(manifest.model_dump_json(indent=2))
        return
    typer.echo(_summary(manifest))
    _print_models(loaded)
    _print_metrics(manifest)


def route(
    text: Annotated[str, typer.Argument(help="The query.")],
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="0 = cheapest, 1 = best answers.")
    ] = 0.5,
    artifact: Annotated[
        str, typer.Option(help="Artifact directory, or 'default': the bundled one.")
    ] = BUNDLED_ARTIFACT,
    as_json: _Json = False,
) -> None:
    """Decide for one query, without a server and without an answer."""
    directory = artifact_directory(artifact)
    loaded = load(directory)
    encoder = load_encoder(loaded.manifest.encoder, directory / ENCODER)
    decision = loaded.choose(encoder.encode([text])[0], alpha)
    if as_json:
        typer.echo(json.dumps({"model": decision.model, **asdict(decision)}, indent=2))
        return
    _print_decision(decision)


def _policy(
    kind: Literal["calibrated", "paper"], nearest: int | None
) -> PaperPolicy | CalibratedPolicy:
    chosen = PaperPolicy() if kind == "paper" else CalibratedPolicy()
    if nearest is None:
        return chosen
    return chosen.model_copy(update={"n_nearest_clusters": nearest})


def _encoder(directory: Path) -> Encoder:
    return load_encoder(read_spec(directory), directory)


def _prices(config: Path | None) -> dict[str, TokenPrice]:
    """Prices of the models in a Serve configuration, where both are known."""
    if config is None:
        return {}
    prices = {}
    for spec in app_config(read_config(config), config).catalog.models:
        input_usd = spec.price.input_usd_per_token
        output_usd = spec.price.output_usd_per_token
        if input_usd is not None and output_usd is not None:
            prices[spec.id] = TokenPrice(input_usd, output_usd)
    return prices


def _judged(fitted: Fitted) -> Fitted:
    """With the held-out metrics in the manifest, if any row was held out."""
    if len(fitted.test) == 0:
        return fitted
    result = judge(fitted.artifact, fitted.test, fitted.test_vectors)
    return fitted.with_metrics({k: dict(v) for k, v in result.metrics.items()})


def _summary(manifest: Manifest) -> str:
    provenance = manifest.provenance
    queries = ", ".join(f"{name} {n:,}" for name, n in provenance.queries.items())
    lines = {
        "artifact": manifest.artifact_id,
        "created": manifest.created.isoformat(),
        "encoder": f"{manifest.encoder.id}, {manifest.encoder.dimension} dimensions, "
        f"{manifest.encoder.dtype}",
        "policy": f"{manifest.policy.kind}, {manifest.n_clusters} clusters, "
        f"{manifest.policy.n_nearest_clusters} nearest",
        "records": f"{', '.join(provenance.sources)} ({queries})",
        "split": f"{provenance.n_train:,} for fitting, {provenance.n_test:,} held out",
    }
    return "\n".join(f"{name:9} {value}" for name, value in lines.items())


def _print_models(artifact: RoutingArtifact) -> None:
    weight = artifact.profiles.count
    total = weight.sum(axis=0)
    accuracy = (artifact.profiles.filled_accuracy() * weight).sum(axis=0) / total
    cost = (artifact.profiles.filled_cost_usd() * weight).sum(axis=0) / total
    imputed = artifact.profiles.imputed.sum(axis=0)
    rows: list[tuple[Any, ...]] = sorted(
        zip(artifact.models, accuracy, cost, total, imputed, strict=True),
        key=lambda row: row[2],
    )
    print_table(
        "Models on the training queries",
        ("model", "accuracy", "USD per 1,000", "queries", "clusters imputed"),
        [
            (m, f"{a:.1%}", f"{c * 1000:.3f}", f"{n:,}", str(i))
            for m, a, c, n, i in rows
        ],
    )


def _print_metrics(manifest: Manifest) -> None:
    print_table(
        f"Held-out queries ({manifest.provenance.n_test:,}), seed {manifest.seed}",
        ("method", *SHOWN.values()),
        [
            (method, *(_figure(metrics.get(name)) for name in SHOWN))
            for method, metrics in manifest.metrics.items()
        ],
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _print_decision(decision: RoutingDecision) -> None:
    print_table(
        f"alpha {decision.alpha:g} → {decision.model}",
        ("model", "score", "expected accuracy", "USD per 1,000"),
        [
            (model, f"{score:.3f}", f"{accuracy:.1%}", f"{cost * 1000:.3f}")
            for model, score, accuracy, cost in zip(
                decision.ranking,
                decision.scores,
                decision.expected_accuracy,
                decision.expected_cost_usd,
                strict=True,
            )
        ],
    )
