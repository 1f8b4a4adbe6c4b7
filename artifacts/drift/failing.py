"""How often models fail, and routing itself. No fit helps: it is only watched."""

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist

from artifacts.drift.finding import Finding, Limits, untold, verdict_of
from artifacts.drift.traffic import Tries

_USUAL = 0.02  # share of tries that fail anyway
FAILING = Limits(watch=0.03, refit=None)  # above that


def failing_findings(
    tries: Mapping[str, Tries], routing: Tries, level: float
) -> Iterator[Finding]:
    """Of each model by name, and of routing (how often the default model stood in)."""
    each = level / (1 + len(tries))
    yield _finding("routing_fallback", None, routing, each)
    for model, tried in sorted(tries.items()):
        yield _finding("failures", model, tried, each)


def _finding(signal: str, model: str | None, tried: Tries, level: float) -> Finding:
    if tried.n == 0:
        return untold(signal, 0, "no request", model=model)
    share = tried.failed / tried.n
    low, high = _wilson(tried, level)
    noise = max(share - low, high - share)
    departure = share - _USUAL
    return Finding(
        signal,
        model,
        tried.n,
        departure,
        noise,
        FAILING,
        verdict_of(departure, noise, FAILING),
        f"{share:.1%} of {tried.n:,} tries failed",
    )


def _wilson(tried: Tries, level: float) -> tuple[float, float]:
    """Wilson's interval of the share that fails."""
    z = NormalDist().inv_cdf(1 - level)
    n, share = tried.n, tried.failed / tried.n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (middle - spread) / scale, (middle + spread) / scale
