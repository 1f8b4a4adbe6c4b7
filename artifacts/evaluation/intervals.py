"""95 % intervals of a mean over random splits, after Student's t."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

_LEVEL = 0.95


@cache
def t_quantile(freedom: int) -> float:
    """t with P(|T| ≤ t) = 0.95 for `freedom` ≥ 1 degrees of freedom."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, freedom) < _LEVEL:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """P(|T| ≤ √freedom · tan angle): Abramowitz and Stegun 26.7.3 and 26.7.4."""
    cosine = math.cos(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 if odd else 1, freedom - 2, 2):
        term *= cosine**2 * k / (k + 1)
        total += term
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total


def half_width(n: int, train_fraction: float = 1.0) -> float:
    """95 % half-width of a mean over `n` splits, in units of their sd; nan if n < 2.

    Splits of the same records share rows, so that their figures are not independent:
    the variance of the mean is taken as s² (1/n + test/train) instead of s²/n (Nadeau
    and Bengio 2003, the corrected resampled t). `train_fraction` 1: they share none.
    """
    if n < 2:
        return math.nan
    return t_quantile(n - 1) * math.sqrt(1 / n + (1 - train_fraction) / train_fraction)


def paired_interval(
    differences: Sequence[float], train_fraction: float
) -> tuple[float, float] | None:
    """95 % interval of the mean difference of two methods over random splits, as
    `half_width` has it. None for fewer than two."""
    n = len(differences)
    if n < 2:
        return None
    mean, sd = float(np.mean(differences)), float(np.std(differences, ddof=1))
    half = half_width(n, train_fraction) * sd
    return mean - half, mean + half
