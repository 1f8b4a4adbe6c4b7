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
from artifacts.evaluation.report import METRICS, OTHERS, focus_of, write_report
from artifacts.evaluation.results import EvaluationResult
from artifacts.evaluation.summary import REFERENCE, summaries
from artifacts.location import artifact_directory
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


def evaluate(  # noqa: PLR0913  (the options of a command)
    records: RecordFiles,
    out: Annotated[Path, typer.Option("--out", "-o", help="Report directory.")],
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Random 70/30 splits; default: 10.")
    ] = None,
    artifact: Annotated[
        str | None,
        typer.Option(help="Judge this artifact on all records, fit nothing."),
    ] = None,
    encoder: EncoderOption = None,
    models: OnlyModels = None,
    catalog: CostCatalog = None,
    clusters: Annotated[
        int | None, typer.Option(min=1, help="k of k-means; default: 60.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; default: a core each. No figure changes."),
    ] = None,
    published: Annotated[
        Literal["paper"] | None,
        typer.Option(help="Draw the points that the paper published beside ours."),
    ] = None,
    allow_gaps: AllowGaps = False,
    embeddings: VectorFolder = None,
) -> None:
    """Judge routing on unseen queries, beside the baselines.

    Without --artifact, every method is fitted on 70 % of each collection and judged on
    the rest, once for each seed.

    With --artifact, the records must be new to the artifact. The very records that it
    was fitted on, or that a model was added from, are refused, whatever other models
    they tell of. An artifact keeps no queries, so records that overlap with them in
    part, or tell other costs, cannot be recognised: leave those out yourself, or the
    figures flatter.
    """
    if artifact is not None:
        of_fits = {"seeds": seeds, "clusters": clusters, "workers": workers}
        _refuse_unused(of_fits | {"encoder": encoder})
    check_replaceable(out, METRICS, OTHERS)
    prices = catalog_prices(catalog)
    dataset = RecordReader(prices=prices, allow_gaps=allow_gaps).read(records)
    if artifact is None:
        config = _config(seeds or _SEEDS, clusters or _CLUSTERS, workers or cores())
        dataset = with_models(dataset, models)
        judged = judge_splits(dataset, config, encoder, embeddings)
    else:
        judged = judge_artifact(
            dataset, models, artifact_directory(artifact), embeddings
        )
    _write(judged, out, load_published(published) if published else None)
    _print(judged.result)
    typer.echo(f"wrote {out}")


def _refuse_unused(options: Mapping[str, object]) -> None:
    """BadInput names the first that is stated."""
    for name, value in options.items():
        if value is not None:
            raise BadInput(f"--{name}: nothing is fitted with --artifact")


def _config(seeds: int, clusters: int, workers: int) -> EvaluationConfig:
    return EvaluationConfig(
        seeds=tuple(range(seeds)),
        kmeans=KMeans(n_clusters=clusters),
        n_processes=min(workers, seeds),
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
    rows = [
        (
            method,
            *(
                shown_figure(name, figures[name].mean, figures[name].sd)
                for name in SHOWN
            ),
        )
        for method, figures in summaries(result).items()
    ]
    print_table(
        f"Held-out queries, {len(result.splits)} seeds: mean ± sd",
        ("method", *SHOWN.values()),
        rows,
    )
