"""`avengers evaluate`: what routing would have cost and scored, on unseen queries."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from artifacts.atomic import check_replaceable, replacing_directory
from artifacts.clustering import KMeans, Vectors
from artifacts.dataset import RoutingDataset
from artifacts.encoder import load_encoder
from artifacts.errors import BadInput
from artifacts.evaluation.judging import (
    ALPHAS,
    EvaluationConfig,
    EvaluationResult,
    judge,
)
from artifacts.evaluation.judging import (
    evaluate as run_evaluation,
)
from artifacts.fit import embed
from artifacts.onnx_encoder import read_spec
from artifacts.records import RecordReader
from artifacts.evaluation.report import METRICS, write_report
from artifacts.store import ENCODER, load
from artifacts.evaluation.summary import summaries
from serve_app.config import BUNDLED_ARTIFACT, artifact_directory
from serve_app.selection import with_models
from serve_app.terminal import SHOWN, print_table, progress_bar


def evaluate(  # noqa: PLR0913  (the options of a command)
    records: Annotated[list[Path], typer.Argument(help="Records: .jsonl, .gz, .xz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Report directory.")],
    seeds: Annotated[int, typer.Option(min=1, help="Random 70/30 splits.")] = 10,
    artifact: Annotated[
        str | None,
        typer.Option(help="Judge this artifact on all records, fit nothing."),
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Only these models, comma-separated.")
    ] = None,
    clusters: Annotated[int, typer.Option(min=1, help="k of k-means.")] = 60,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    allow_gaps: Annotated[
        bool, typer.Option(help="Accept lines that lack some of the models.")
    ] = False,
) -> None:
    """Judge routing on queries it has not seen, beside the baselines.

    Without --artifact, every method is fitted on 70 % of each collection and judged on
    the rest, once for each seed. With it, the records must be new to the artifact.
    """
    check_replaceable(out, METRICS)
    dataset = RecordReader(allow_gaps=allow_gaps).read(records)
    dataset = with_models(dataset, models)
    if artifact is None:
        vectors = _vectors(dataset, artifact_directory(BUNDLED_ARTIFACT) / ENCODER)
        config = EvaluationConfig(
            seeds=tuple(range(seeds)),
            kmeans=KMeans(n_clusters=clusters),
            n_workers=workers,
        )
        with progress_bar("splits") as progress:
            result = run_evaluation(dataset, vectors, config, progress)
    else:
        result = _judged(dataset, artifact_directory(artifact))
    _write(result, out)
    _print(result)
    typer.echo(f"wrote {out}")


def _vectors(dataset: RoutingDataset, encoder: Path) -> Vectors:
    text_encoder = load_encoder(read_spec(encoder), encoder)
    with progress_bar("embedding") as progress:
        return embed(dataset.queries, text_encoder, progress)


def _judged(dataset: RoutingDataset, directory: Path) -> EvaluationResult:
    artifact = load(directory)
    if dataset.digest == artifact.manifest.provenance.digest:
        raise BadInput(
            f"{directory}: it was fitted on these very records; judge it on others"
        )
    vectors = _vectors(dataset, directory / ENCODER)
    split = judge(artifact, dataset, vectors)
    return EvaluationResult(artifact.models, ALPHAS, (split,))


def _write(result: EvaluationResult, out: Path) -> None:
    with replacing_directory(out, METRICS) as staging:
        write_report(result, staging)
        if find_spec("matplotlib") is None:
            typer.echo("no figures: matplotlib is in the train extra", err=True)
            return
        from artifacts.evaluation.plots import write_figures

        curves = result.splits[0].curves
        method = "calibrated" if "calibrated" in curves else next(iter(curves))
        write_figures(result, staging, method)


def _print(result: EvaluationResult) -> None:
    table = summaries(result.splits)
    rows = [
        (method, *(_figure(figures[name].mean, figures[name].sd) for name in SHOWN))
        for method, figures in table.items()
    ]
    print_table(
        f"Held-out queries, {len(result.splits)} seeds: mean ± sd",
        ("method", *SHOWN.values()),
        rows,
    )


def _figure(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "–"
    spread = "" if sd is None else f" ± {sd:.2g}"
    return f"{mean:.4g}{spread}"
