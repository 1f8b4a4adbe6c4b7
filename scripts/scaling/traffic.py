"""How many requests come in each second of a day, and how long their texts are."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Bursts:
    """Sudden load on top of the day's curve."""

    a_day: int = 12
    factor: float = 3.0  # of the rate at that time
    rise_s: float = 15.0
    last_s: float = 240.0
    tokens_factor: float = 1.0  # texts are so much longer while it lasts


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the texts that are embedded: lognormal, so with a long tail."""

    median: float = 60.0
    sigma: float = 1.1
    window: int = 256  # the encoder reads no more

    @property
    def mean(self) -> float:
        """Of what the encoder reads."""
        return _mean(self)

    def sample(self, rng: np.random.Generator, n: int) -> Series:
        """Of n texts."""
        tokens = rng.lognormal(np.log(self.median), self.sigma, n)
        return np.clip(tokens, 3.0, self.window)


@cache
def _mean(lengths: Lengths) -> float:
    return float(lengths.sample(np.random.default_rng(0), 20_000).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """By the second: requests that are expected, and their mean length in tokens."""

    rate: Series
    tokens: Series

    def arrivals(self, rng: np.random.Generator) -> Series:
        """How many really come: Poisson."""
        return rng.poisson(self.rate).astype(np.float64)


def day(
    mean_rate: float,
    *,
    rng: np.random.Generator,
    bursts: Bursts,
    lengths: Lengths,
    seconds: int = DAY_S,
) -> Traffic:
    """A day with its low at 4 and its high at 16 o'clock (a quarter and 1.75 of the
    mean), minutes that differ by about 5 %, and bursts at random times."""
    at = np.arange(seconds, dtype=np.float64)
    curve = 1.0 - 0.75 * np.cos(2 * np.pi * (at / DAY_S - 4 / 24))
    minutes = rng.normal(0.0, 0.05, seconds // 60 + 2)
    noise = np.interp(at / 60, np.arange(len(minutes)), minutes)
    lift = np.zeros(seconds)
    for start in rng.uniform(0, seconds, round(bursts.a_day * seconds / DAY_S)):
        up = (at - start) / bursts.rise_s
        down = (start + bursts.last_s - at) / bursts.rise_s
        lift = np.maximum(lift, np.clip(np.minimum(up, down), 0.0, 1.0))
    rate = mean_rate * curve * np.maximum(0.1, 1 + noise)
    rate *= 1 + (bursts.factor - 1) * lift
    tokens = lengths.mean * (1 + (bursts.tokens_factor - 1) * lift)
    return Traffic(rate, np.minimum(tokens, lengths.window))
