"""`avengers evaluate`: what routing would have cost and scored, on unseen queries."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from artifacts.atomic import check_replaceable, replacing_directory
from artifacts.clustering import KMeans
from artifacts.errors import BadInput
from artifacts.evaluation.judging import EvaluationConfig
from artifacts.evaluation.narrative import unjudged_note, unsought
from artifacts.evaluation.one_alpha import by_alpha, shown_gain
from artifacts.evaluation.report import METRICS, OTHERS, focus_of, write_report
from artifacts.evaluation.results import EvaluationResult
from artifacts.evaluation.summary import REFERENCE, Summary, summaries
from artifacts.paper.published import Published, load_published
from artifacts.records import RecordReader
from serve_app.commands.catalog_prices import catalog_prices
from serve_app.commands.encoder_choice import EncoderOption
from serve_app.commands.judged import Judged, cores, judge_artifact, judge_splits
from serve_app.commands.record_options import (
    AllowGaps,
    CostCatalog,
    OnlyModels,
    RecordFiles,
    VectorFolder,
)
from serve_app.commands.selection import with_models
from serve_app.commands.terminal import SHOWN, print_table, shown_figure

_SEEDS, _CLUSTERS = 10, 60

_Out = Annotated[Path, typer.Option("--out", "-o", help="Report directory.")]
_Seeds = Annotated[
    int | None, typer.Option(min=1, help="Random 70/30 splits; default: 10.")
]
_Artifact = Annotated[
    str | None,
    typer.Option(
        help="Judge this artifact on all records, fit nothing. They must be new to it: "
        "the very records that it was fitted on, or that a model was added from, are "
        "refused, whatever other models they tell of. An artifact keeps no queries, so "
        "records that overlap with them in part, or tell other costs, cannot be "
        "recognised: leave those out yourself, or the figures flatter."
    ),
]
_Clusters = Annotated[
    int | None, typer.Option(min=1, help="k of k-means; default: 60.")
]
_Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes; default: a core each. No figure changes."),
]
_Published = Annotated[
    Literal["paper"] | None,
    typer.Option(help="Draw the points that the paper published beside ours."),
]


def evaluate(  # noqa: PLR0913  (the options of a command)
    records: RecordFiles,
    out: _Out,
    seeds: _Seeds = None,
    artifact: _Artifact = None,
    encoder: EncoderOption = None,
    models: OnlyModels = None,
    catalog: CostCatalog = None,
    clusters: _Clusters = None,
    workers: _Workers = None,
    published: _Published = None,
    allow_gaps: AllowGaps = False,
    embeddings: VectorFolder = None,
) -> None:
    """Judge routing on unseen queries, beside the baselines.

    Without --artifact, every method is fitted on 70 % of each collection and judged on
    the rest, once for each seed.
    """
    of_fits = {"seeds": seeds, "clusters": clusters, "workers": workers}
    _refuse_unused(artifact, {**of_fits, "encoder": encoder})
    check_replaceable(out, METRICS, OTHERS)
    reader = RecordReader(prices=catalog_prices(catalog), allow_gaps=allow_gaps)
    dataset = reader.read(records)
    if artifact is None:
        chosen = with_models(dataset, models)
        config = _config(seeds, clusters, workers)
        judged = judge_splits(chosen, config, encoder, embeddings)
    else:
        judged = judge_artifact(dataset, models, artifact, embeddings)
    _report(judged, out, published)


def _report(judged: Judged, out: Path, published: Literal["paper"] | None) -> None:
    _write(judged, out, load_published(published) if published else None)
    _print(judged.result)
    _print_by_alpha(judged.result)
    _print_left_out(judged.result)
    typer.echo(f"wrote {out}: report.md has all of it, and what the figures mean")


def _refuse_unused(artifact: str | None, options: Mapping[str, object]) -> None:
    """BadInput names the first that is stated beside an artifact."""
    for name, value in options.items():
        if artifact is not None and value is not None:
            raise BadInput(f"--{name}: nothing is fitted with --artifact")


def _config(
    seeds: int | None, clusters: int | None, workers: int | None
) -> EvaluationConfig:
    n_seeds = seeds or _SEEDS
    return EvaluationConfig(
        seeds=tuple(range(n_seeds)),
        kmeans=KMeans(n_clusters=clusters or _CLUSTERS),
        n_processes=min(workers or cores(), n_seeds),
    )


def _write(judged: Judged, out: Path, published: Published | None) -> None:
    with replacing_directory(out, METRICS, OTHERS) as staging:
        if find_spec("matplotlib") is None:
            typer.echo(
                "no figures: they need matplotlib (pip install matplotlib)", err=True
            )
        else:
            _draw(judged, staging, published)
        write_report(judged.result, staging)


def _draw(judged: Judged, directory: Path, published: Published | None) -> None:
    """All figures; the clusters are those of the first split, or the artifact's."""
    from artifacts.evaluation.cluster_map import plot_cluster_map
    from artifacts.evaluation.plots import write_figures

    result = judged.result
    focus, curves = focus_of(result), result.splits[0].curves
    methods = [focus, *({REFERENCE} & curves.keys() - {focus})]
    write_figures(result, directory, methods, published)
    plot_cluster_map(
        judged.dataset,
        judged.vectors,
        result.splits[0].centroids,
        directory / "clusters.png",
    )


def _print(result: EvaluationResult) -> None:
    table = summaries(result)
    figures = [row[name] for row in table.values() for name in SHOWN]
    marked = any(0 < figure.n < len(figure.values) for figure in figures)
    n = len(result.splits)
    several = f"Held-out, best α of each of {n} seeds: mean ± sd"
    title = several if n > 1 else "Held-out, at the best α"
    print_table(
        f"{title}; (n): of n seeds only, the others do not reach it"
        if marked
        else title,
        ("method", *SHOWN.values()),
        [
            (method, *(_cell(name, row[name]) for name in SHOWN))
            for method, row in table.items()
        ],
    )


def _print_by_alpha(result: EvaluationResult) -> None:
    """What to choose α by: the table above looks for it on the queries it judges."""
    settings = by_alpha(result, focus := focus_of(result))
    interval = ", 95 %" if any(one.ci95 for one in settings) else ""
    print_table(
        f"{focus}, one α for all splits",
        ("α", "accuracy", f"points against best single{interval}", "cost of that"),
        [
            (
                f"{one.alpha:g}",
                shown_figure("accuracy", one.accuracy),
                shown_gain(one),
                shown_figure("cost", one.cost_share),
            )
            for one in settings
        ],
    )
    typer.echo(unsought(result, focus))


def _cell(name: str, figure: Summary) -> str:
    text = shown_figure(name, figure.mean, figure.sd)
    return f"{text} ({figure.n})" if 0 < figure.n < len(figure.values) else text


def _print_left_out(result: EvaluationResult) -> None:
    if result.n_skipped:
        rows = f"{result.n_skipped:,} of {result.n_judged + result.n_skipped:,}"
        what = "some model was not measured on them"
        typer.echo(f"left out {rows} held-out rows: {what}", err=True)
    if note := unjudged_note(result):
        typer.echo(note, err=True)
