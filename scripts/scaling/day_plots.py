"""Two plots of simulated days: replicas over time, and waits beside cost by rate."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from scripts.scaling.course import Course
from scripts.scaling.outcome import Outcome
from scripts.scaling.plan import SCALED

_EVERY_S = 60
_SAVED = {"dpi": 110, "metadata": {"Software": None}}


def draw_day(course: Course, outcome: Outcome, path: Path) -> None:
    """Requests and replicas of one day."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (load, replicas, waits) = plt.subplots(3, 1, figsize=(9, 7.5), sharex=True)
    minutes = len(course.offered) // _EVERY_S
    hours = np.arange(minutes) * _EVERY_S / 3600
    whole = minutes * _EVERY_S
    load.plot(
        hours, course.offered[:whole].reshape(minutes, -1).mean(axis=1), "k", lw=0.8
    )
    load.set_ylabel("requests/s")
    for name in SCALED:
        counts = course.replicas[name][:whole].reshape(minutes, -1).max(axis=1)
        replicas.step(hours, counts, where="post", label=name, lw=1)
    replicas.set_ylabel("replicas")
    replicas.legend(fontsize="small", loc="upper left", ncols=2)
    points = course.waits_s[:whole].reshape(minutes, -1) * 1e3
    waits.plot(hours, np.median(points, axis=1), label="p50", lw=0.8)
    waits.plot(hours, np.quantile(points, 0.99, axis=1), label="p99", lw=0.8)
    waits.set_yscale("log")
    waits.set_ylabel("wait, ms")
    waits.set_xlabel("hour of the day")
    waits.legend(fontsize="small", loc="upper left")
    for axes in (load, replicas, waits):
        axes.grid(alpha=0.3)
    load.set_title(
        f"A day of {outcome.mean_rate:,.0f} requests/s on average, simulated"
    )
    figure.align_ylabels()
    figure.tight_layout()
    figure.savefig(path, **_SAVED)
    plt.close(figure)


def draw_rates(outcomes: Sequence[Outcome], path: Path) -> None:
    """Waits, shares that do not get what they asked for, and dollars, by rate."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (waits, shares, cost) = plt.subplots(1, 3, figsize=(12, 3.8))
    rates = [outcome.mean_rate for outcome in outcomes]
    for name, values in (
        ("p50", [outcome.wait_p50_ms for outcome in outcomes]),
        ("p99", [outcome.wait_p99_ms for outcome in outcomes]),
    ):
        waits.plot(rates, values, "o-", label=name)
    waits.set_yscale("log")
    waits.set_ylabel("wait, ms")
    for name, values in (
        ("default model, routing late", [o.fallback_share for o in outcomes]),
        ("refused: a tenant's limit", [o.over_limit_share for o in outcomes]),
        ("refused: no room", [o.over_capacity_share for o in outcomes]),
    ):
        shares.plot(rates, 100 * np.array(values), "o-", label=name)
    shares.set_ylabel("% of requests")
    cost.plot(rates, [outcome.usd_per_million for outcome in outcomes], "ko-")
    cost.set_ylabel("USD per million requests")
    cost.set_ylim(bottom=0)
    for axes in (waits, shares, cost):
        axes.set_xscale("log")
        axes.set_xlabel("requests/s, mean of the day")
        axes.grid(alpha=0.3)
    for axes in (waits, shares):
        axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, **_SAVED)
    plt.close(figure)
