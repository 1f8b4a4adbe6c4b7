"""What models cost and how much they say, against their profiles."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from artifacts.artifact import RoutingArtifact
from artifacts.drift.finding import Finding, Limits, untold, verdict_of
from artifacts.drift.traffic import Traffic

# Natural logarithms of ratios. A change that all models share moves no decision.
ALL_MODELS = Limits(watch=math.log(2), refit=None)
ONE_MODEL = Limits(watch=math.log(1.5), refit=math.log(3))
_LEAST = 50  # answers of a model: below it a mean of such a long tail says nothing
_NO_RATIO = "nothing was counted, or nothing is expected: there is no ratio"

_Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Ratio:
    """Observed over expected, as a logarithm, with its variance; nan: there is none."""

    log: float
    variance: float
    n: int

    @classmethod
    def of(cls, observed: _Values, expected: _Values) -> "_Ratio":
        total, hoped = observed.sum(), expected.sum()
        if total <= 0 or hoped <= 0:  # of a model that is free, say
            return cls(math.nan, math.nan, n=len(observed))
        pull = observed / total - expected / hoped
        return cls(math.log(total / hoped), float((pull**2).sum()), n=len(observed))


def spending_findings(
    artifact: RoutingArtifact, traffic: Traffic, level: float
) -> Iterator[Finding]:
    """Cost of an answer and its tokens: of all models together, and of each against
    the others. `level` is shared by all of them."""
    profiles = artifact.profiles
    columns = np.unique(traffic.model[traffic.model >= 0])
    each = level / (2 * (1 + len(columns)))
    tables = (
        ("cost", traffic.cost_usd, profiles.filled_cost_usd()),
        ("completion_tokens", traffic.completion_tokens, profiles.completion_tokens),
    )
    for signal, observed, table in tables:
        expected = table[traffic.cluster, traffic.model]
        known = (traffic.model >= 0) & ~np.isnan(observed) & ~np.isnan(expected)
        yield _together(signal, observed[known], expected[known], each)
        for column in columns.tolist():
            own = known & (traffic.model == column)
            others = known & (traffic.model != column)
            yield _apart(
                signal,
                artifact,
                column,
                _Ratio.of(observed[own], expected[own]),
                _Ratio.of(observed[others], expected[others]),
                each,
            )


def _together(
    signal: str, observed: _Values, expected: _Values, level: float
) -> Finding:
    ratio = _Ratio.of(observed, expected)
    if ratio.n < _LEAST:
        return untold(signal, ratio.n, f"fewer than {_LEAST} answers tell it")
    return _finding(signal, None, ratio, level, ALL_MODELS, "of the profile's")


def _apart(  # noqa: PLR0913  (one model beside the others)
    signal: str,
    artifact: RoutingArtifact,
    column: int,
    own: _Ratio,
    others: _Ratio,
    level: float,
) -> Finding:
    model = artifact.models[column]
    if min(own.n, others.n) < _LEAST:
        why = f"fewer than {_LEAST} answers of it, or of others, tell it"
        return untold(signal, own.n, why, model=model)
    # Its mean in the profile is of so many records, as scattered as these.
    trained = artifact.manifest.models[column].n_records
    variance = own.variance * (1 + own.n / trained) + others.variance
    relative = _Ratio(own.log - others.log, variance, own.n)
    what = "of the profile's, beside the other models"
    return _finding(signal, model, relative, level, ONE_MODEL, what)


def _finding(  # noqa: PLR0913  (all of a finding)
    signal: str,
    model: str | None,
    ratio: _Ratio,
    level: float,
    limits: Limits,
    what: str,
) -> Finding:
    if math.isnan(ratio.log):
        return untold(signal, ratio.n, _NO_RATIO, model=model, few=False)
    departure = abs(ratio.log)
    noise = NormalDist().inv_cdf(1 - level / 2) * math.sqrt(ratio.variance)
    said = verdict_of(departure, noise, limits)
    why = f"{math.exp(ratio.log):.2f} times {what.removeprefix('of ')}"
    return Finding(signal, model, ratio.n, departure, noise, limits, said, why)
