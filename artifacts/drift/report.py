"""All that is compared, and the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.dataset import RoutingDataset
from artifacts.drift.accuracy import accuracy_findings
from artifacts.drift.distribution import (
    clusters_finding,
    similarity_finding,
    strange_finding,
)
from artifacts.drift.failing import failing_findings
from artifacts.drift.finding import Finding, Verdict, overall, untold
from artifacts.drift.spending import spending_findings
from artifacts.drift.traffic import Traffic, Tries

_KINDS = 6  # clusters, out of distribution, similarity, spending, failing, accuracy


@dataclass(frozen=True, slots=True)
class DriftReport:
    """`level`: the chance that anything at all is said without a cause."""

    verdict: Verdict
    level: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What there is to compare with; `fresh` are labelled records with their rows."""

    traffic: Traffic
    tries: Mapping[str, Tries]
    routing: Tries
    fresh: tuple[RoutingDataset, Vectors] | None = None


def drift(
    artifact: RoutingArtifact, observed: Observed, *, level: float = 0.01, seed: int = 0
) -> DriftReport:
    """Compare, at an overall false alarm rate of `level`; a seed fixes all words.

    Each kind of signal has an equal part of the level, divided among its models.
    """
    each = level / _KINDS
    rng = np.random.default_rng(seed)
    traffic = observed.traffic
    findings: list[Finding] = []
    if len(traffic):
        findings.append(clusters_finding(artifact, traffic, each, rng))
        findings.append(strange_finding(artifact, traffic, each, rng))
        findings.append(similarity_finding(artifact, traffic, each))
        findings += spending_findings(artifact, traffic, each)
    else:
        findings.append(untold("clusters", 0, "no request that this artifact decided"))
    findings += failing_findings(observed.tries, observed.routing, each)
    if observed.fresh is not None:
        findings += accuracy_findings(artifact, *observed.fresh, each)
    return DriftReport(overall(findings), level, tuple(findings))
