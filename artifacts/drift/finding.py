"""One thing that is compared, and what is said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# few: too few records to say; unknown: this cannot be compared at all.
Verdict = Literal["ok", "watch", "refit", "few", "unknown"]
# What traffic as a whole is judged by: none of them may be left open.
DECISIVE = ("clusters", "out_of_distribution", "similarity")


@dataclass(frozen=True, slots=True)
class Limits:
    """From which departure on something is said; `refit` None: watch at most."""

    watch: float
    refit: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A departure from what the artifact was fitted on.

    `departure` is what is estimated, `noise` what chance alone makes of no departure at
    all but once in 1/level times. Both are None where nothing could be compared.
    """

    signal: str
    model: str | None
    n: int  # records it rests on
    departure: float | None
    noise: float | None
    limits: Limits
    verdict: Verdict
    why: str


def verdict_of(departure: float, noise: float, limits: Limits) -> Verdict:
    """What a departure means.

    Nothing is said that chance may have made. And nothing is said to be in order where
    chance could hide what there is to watch for: `few` records.
    """
    if departure <= noise:
        return "few" if noise > limits.watch else "ok"
    if limits.refit is not None and departure >= limits.refit:
        return "refit"
    return "watch" if departure >= limits.watch else "ok"


def untold(
    signal: str, n: int, why: str, *, model: str | None = None, few: bool = True
) -> Finding:
    """A finding of nothing: too few records, or nothing to compare with."""
    verdict: Verdict = "few" if few else "unknown"
    return Finding(signal, model, n, None, None, Limits(0, None), verdict, why)


def overall(findings: Sequence[Finding]) -> Verdict:
    """The gravest; `ok` only if whatever is decisive could be told."""
    said = {finding.verdict for finding in findings}
    if "refit" in said or "watch" in said:
        return "refit" if "refit" in said else "watch"
    decisive = {each.verdict for each in findings if each.signal in DECISIVE}
    return "ok" if "ok" in decisive and "few" not in decisive else "few"
