"""What models cost and how much they say, against their profiles."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from artifacts.artifact import RoutingArtifact
from artifacts.drift.finding import Finding, Limits, untold, verdict_of
from artifacts.drift.traffic import Traffic
from artifacts.profiles import ClusterProfiles

# Natural logarithms of ratios. A change that all models share moves no decision.
ALL_MODELS = Limits(watch=math.log(2), refit=None)
ONE_MODEL = Limits(watch=math.log(1.5), refit=math.log(3))
_LEAST = 50  # answers of a model: below it a mean of such a long tail says nothing
_NO_RATIO = "nothing was counted, or nothing is expected: there is no ratio"

_Values = NDArray[np.float64]
_Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Ratio:
    """Observed over expected, as a logarithm, with its variance; nan: there is none."""

    log: float
    variance: float
    n: int

    @classmethod
    def of(cls, observed: _Values, expected: _Values, weight: _Values) -> "_Ratio":
        """`weight`: see `_weight`; all of one length."""
        total, hoped = observed.sum(), expected.sum()
        if total <= 0 or hoped <= 0:  # of a model that is free, say
            return cls(math.nan, math.nan, n=len(observed))
        pull = observed / total - expected / hoped
        variance = float((weight * pull**2).sum())
        return cls(math.log(total / hoped), variance, n=len(observed))


def spending_findings(
    artifact: RoutingArtifact, traffic: Traffic, level: float
) -> Iterator[Finding]:
    """Cost of an answer and its tokens: of all models together, and of each against
    the others. `level` is shared by all of them.

    Answers of a model in a cluster in which it was never measured are no part of it:
    there is nothing to hold them against.
    """
    profiles = artifact.profiles
    columns = np.unique(traffic.model[traffic.model >= 0])
    each = level / (2 * (1 + len(columns)))
    tables = (
        ("cost", traffic.cost_usd, profiles.cost_usd),
        ("completion_tokens", traffic.completion_tokens, profiles.completion_tokens),
    )
    measured = profiles.count[traffic.cluster, traffic.model]
    for signal, observed, table in tables:
        expected = table[traffic.cluster, traffic.model]
        told = ~np.isnan(observed) & ~np.isnan(expected)
        known = (traffic.model >= 0) & (measured > 0) & told
        answers = observed[known], expected[known], _weight(profiles, traffic, known)
        yield _together(signal, _Ratio.of(*answers), each)
        for column in columns.tolist():
            own = traffic.model[known] == column
            ratios = [
                _Ratio.of(*(values[part] for values in answers)) for part in (own, ~own)
            ]
            yield _apart(signal, artifact.models[column], ratios, each)


def _weight(profiles: ClusterProfiles, traffic: Traffic, known: _Marks) -> _Values:
    """1 + n/t of the n answers of a model in a cluster, where t training queries made
    what the profile expects there, as scattered as these; for each `known` answer.

    A mean of all queries would be surer than that of a rare cluster.
    """
    shape = profiles.count.shape
    cells = np.ravel_multi_index((traffic.cluster[known], traffic.model[known]), shape)
    n = np.bincount(cells, minlength=profiles.count.size)[cells]
    return np.asarray(1 + n / profiles.count.ravel()[cells])


def _together(signal: str, ratio: _Ratio, level: float) -> Finding:
    if ratio.n < _LEAST:
        return untold(signal, ratio.n, f"fewer than {_LEAST} answers tell it")
    return _finding(signal, None, ratio, level, ALL_MODELS, "of the profile's")


def _apart(signal: str, model: str, ratios: Sequence[_Ratio], level: float) -> Finding:
    """One model's ratio, the first, beside that of the others."""
    own, others = ratios
    if min(own.n, others.n) < _LEAST:
        why = f"fewer than {_LEAST} answers of it, or of others, tell it"
        return untold(signal, own.n, why, model=model)
    variance = own.variance + others.variance
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
