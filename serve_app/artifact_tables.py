"""What `avengers inspect` and its siblings print."""

from typing import Any

from artifacts.artifact import Manifest, RoutingArtifact
from artifacts.policy import RoutingDecision
from serve_app.terminal import SHOWN, print_table


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
    }
    return "\n".join(f"{name:9} {value}" for name, value in lines.items())


def print_models(artifact: RoutingArtifact) -> None:
    """Accuracy and cost of each model on the training queries."""
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


def print_metrics(manifest: Manifest) -> None:
    """The held-out metrics that the manifest states."""
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


def print_decision(decision: RoutingDecision) -> None:
    """The ranking of one decision."""
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
