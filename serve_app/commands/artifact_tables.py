"""What `avengers inspect` and its siblings print."""

import math
from collections.abc import Iterable
from typing import Any

import typer

from artifacts.artifact import Extension, Manifest, ModelEntry, RoutingArtifact
from artifacts.policy import RoutingDecision
from serve_app.commands.terminal import SHOWN, print_table, shown_figure

# Training queries of a model: below that, chance moves its accuracy by 18 points.
_FEW = 30


def summary(manifest: Manifest) -> str:
    """The manifest in a few lines."""
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
        "strange": _strange(manifest),
    }
    changes = [("since", _change(change)) for change in provenance.extensions]
    return "\n".join(f"{name:9} {value}" for name, value in [*lines.items(), *changes])


def _strange(manifest: Manifest) -> str:
    quantile = manifest.out_of_distribution_quantile
    if not quantile:
        return "no query is out of distribution"
    return f"out of distribution: below the {quantile:.2%} quantile of similarity"


def _change(change: Extension) -> str:
    """One line on what was changed after the fit."""
    records = f" ({change.n_records:,} queries)" if change.n_records else ""
    models = ", ".join(change.models)
    return f"{change.created.isoformat()} {change.kind} {models}{records}"


def print_models(artifact: RoutingArtifact) -> None:
    """Accuracy and cost of each model over the training queries.

    Clusters on which a model was not measured count with its prior: otherwise one that
    was measured on easy queries only would look better than it is.
    """
    total = artifact.profiles.count.sum(axis=0)
    whole = artifact.global_profile
    accuracy, cost = whole.accuracy, whole.cost_usd
    imputed = artifact.profiles.imputed.sum(axis=0)
    rows: list[tuple[Any, ...]] = sorted(
        zip(artifact.models, accuracy, cost, total, imputed, strict=True),
        key=lambda row: row[2],
    )
    print_table(
        "Models on the training queries",
        ("model", "accuracy", "USD per 1,000", "queries measured", "clusters imputed"),
        [
            (m, f"{a:.1%}", f"{c * 1000:.3f}", f"{n:,}", str(i))
            for m, a, c, n, i in rows
        ],
    )


def print_few(entries: Iterable[ModelEntry]) -> None:
    """A line on standard error for each model that too few queries tell of.

    What is said of its accuracy is 1.96 · √(¼ / n), the half-width where scores scatter
    most.
    """
    for entry in entries:
        n = entry.n_records
        if n < _FEW:
            queries = "1 query" if n == 1 else f"{n} queries"
            known = f"its accuracy is known to ± {98 / math.sqrt(n):.0f} points (95 %)"
            typer.echo(f"{entry.model}: measured on {queries} only: {known}", err=True)


def print_metrics(manifest: Manifest) -> None:
    """The held-out metrics that the manifest states, if it states any."""
    if not manifest.metrics:
        return
    provenance = manifest.provenance
    queries = f"Held-out queries ({provenance.n_test:,})"
    if any(entry.n_records < provenance.n_train for entry in manifest.models):
        # How many is not noted.
        queries = f"Of {provenance.n_test:,} held-out queries, those of all models"
    print_table(
        f"{queries}, seed {manifest.seed}",
        ("method", *SHOWN.values()),
        [
            (method, *(shown_figure(name, metrics.get(name)) for name in SHOWN))
            for method, metrics in manifest.metrics.items()
        ],
    )


def print_decision(decision: RoutingDecision) -> None:
    """The ranking of one decision, and how familiar the query is."""
    sds = decision.accuracy_sd or (None,) * len(decision.ranking)
    print_table(
        f"alpha {decision.alpha:g} → {decision.model}{_familiarity(decision)}",
        ("model", "score", "expected accuracy", "USD per 1,000"),
        [
            (
                f"{model} (imputed)" if imputed else model,
                f"{score:.3f}",
                _accuracy(accuracy, sd),
                f"{cost * 1000:.3f}",
            )
            for model, imputed, score, accuracy, sd, cost in zip(
                decision.ranking,
                decision.imputed,
                decision.scores,
                decision.expected_accuracy,
                sds,
                decision.expected_cost_usd,
                strict=True,
            )
        ],
    )


def _familiarity(decision: RoutingDecision) -> str:
    percentile = decision.similarity_percentile
    if percentile is None:
        return ""
    text = f"\nmore familiar than {percentile:.1f} % of the training queries"
    if decision.out_of_distribution:
        text += "\nout of distribution: ranked by all training queries together"
    return text


def _accuracy(expected: float, sd: float | None) -> str:
    return f"{expected:.1%}" if sd is None else f"{expected:.1%} ± {sd:.1%}"
