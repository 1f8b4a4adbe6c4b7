"""`avengers drift`: whether traffic is still what an artifact was fitted for."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.dataset import RoutingDataset
from artifacts.drift.finding import Finding, Verdict
from artifacts.drift.report import DriftReport, Observed, drift
from artifacts.embedding import embed
from artifacts.encoder import load_encoder
from artifacts.errors import BadInput
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.own_records import made_of
from artifacts.records import RecordReader
from artifacts.store import ENCODER, load
from deployments.store.usage_query import UsageQuery
from serve_app.commands.catalog_prices import catalog_prices
from serve_app.commands.database_access import DatabaseUrl, PasswordEnv
from serve_app.commands.drift_traffic import Collected, collect
from serve_app.commands.record_options import CostCatalog
from serve_app.commands.terminal import print_table, progress_bar
from serve_app.http.usage_span import MOST_DAYS, moment

REFIT_CODE = 3
_SAID: dict[Verdict, str] = {
    "ok": "ok: traffic is like what the artifact was fitted on",
    "watch": "watch: something has moved; look at it before it grows",
    "refit": "refit: traffic has left what the artifact was fitted on",
    "few": "not enough to say",
    "unknown": "not known",
}


def check_drift(  # noqa: PLR0913  (the options of a command)
    database: DatabaseUrl,
    password_env: PasswordEnv = None,
    artifact: Annotated[
        str, typer.Option(help="Directory or address, or 'default': the bundled.")
    ] = BUNDLED_ARTIFACT,
    days: Annotated[
        float, typer.Option(min=0.01, max=MOST_DAYS, help="Up to --end.")
    ] = 7,
    end: Annotated[
        str | None, typer.Option(help="2026-06-01, or an ISO time. Default: now.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    records: Annotated[
        list[Path] | None,
        typer.Option(help="Fresh labelled records, to compare accuracy too."),
    ] = None,
    catalog: CostCatalog = None,
    level: Annotated[
        float, typer.Option(min=1e-4, max=0.2, help="Chance of any false alarm.")
    ] = 0.01,
    most: Annotated[
        int, typer.Option(min=1000, help="Requests to look at; of more, a sample.")
    ] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare recent requests with what an artifact was fitted on.

    Exit code 0: ok, watch, or not enough to say; 3: refit. Prompts are not needed: the
    usage records hold clusters, similarity, tokens, cost and failures.
    """
    directory = artifact_directory(artifact, encoder=bool(records))
    loaded = load(directory)
    query = _query(end, days, tenant)
    dataset = _read(records or [], catalog, loaded)
    fresh = None if dataset is None else (dataset, _embed(dataset, loaded, directory))
    collected = collect(database, password_env, query, loaded, most)
    observed = Observed(
        collected.traffic, collected.tries, collected.routing, fresh=fresh
    )
    report = drift(loaded, observed, level=level)
    if as_json:
        typer.echo(json.dumps(_as_json(report, collected, loaded, query), indent=2))
    else:
        _print(report, collected, loaded)
    if report.verdict == "refit":
        raise typer.Exit(REFIT_CODE)


def _query(end: str | None, days: float, tenant: str | None) -> UsageQuery:
    try:
        until = moment(end, "UTC") if end else datetime.now(UTC)
    except ValueError as error:
        raise BadInput(f"--end: {error}") from None
    return UsageQuery(until - timedelta(days=days), until, tenant=tenant)


def _read(
    files: Sequence[Path], catalog: Path | None, artifact: RoutingArtifact
) -> RoutingDataset | None:
    if not files:
        if catalog is not None:
            raise BadInput("--catalog: its prices are for --records")
        return None
    prices = catalog_prices(catalog)
    dataset = RecordReader(prices=prices, allow_gaps=True).read(files)
    if made_of(artifact.manifest, dataset):
        raise BadInput("--records: the artifact was made of these, they are not fresh")
    return dataset


def _embed(
    dataset: RoutingDataset, artifact: RoutingArtifact, directory: Path
) -> Vectors:
    encoder = load_encoder(artifact.manifest.encoder, directory / ENCODER)
    with progress_bar("embedding") as progress:
        return embed(dataset.queries, encoder, progress)


def _as_json(
    report: DriftReport,
    collected: Collected,
    artifact: RoutingArtifact,
    query: UsageQuery,
) -> dict[str, Any]:
    return {
        "verdict": report.verdict,
        "artifact": artifact.artifact_id,
        "start": query.start.isoformat(),
        "end": query.end.isoformat(),
        "records": collected.records,
        "decided": len(collected.traffic),
        "other_artifacts": dict(collected.other_artifacts),
        "level": report.level,
        "findings": [asdict(finding) for finding in report.findings],
    }


def _print(
    report: DriftReport, collected: Collected, artifact: RoutingArtifact
) -> None:
    print_table(
        f"{len(collected.traffic):,} requests decided by artifact "
        f"{artifact.artifact_id[:12]}",
        (
            "signal",
            "model",
            "n",
            "departure",
            "noise",
            "watch",
            "refit",
            "verdict",
            "why",
        ),
        [_row(finding) for finding in report.findings],
    )
    for other, n in collected.other_artifacts.most_common():
        typer.echo(f"{n:,} requests left out: artifact {other[:12]} decided them")
    typer.echo(_SAID[report.verdict])


def _row(finding: Finding) -> tuple[str, ...]:
    limits = finding.limits
    told = finding.departure is not None
    return (
        finding.signal,
        finding.model or "",
        f"{finding.n:,}",
        _number(finding.departure),
        _number(finding.noise),
        _number(limits.watch if told else None),
        _number(limits.refit if told else None),
        finding.verdict,
        finding.why,
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
