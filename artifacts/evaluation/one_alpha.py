"""What one α, the same on all splits, scores and costs beside the best single model.

Nothing is looked for on the queries that are judged: the α are given, and the best
single model is chosen on training rows. So these figures do not flatter, as those at
each split's best α do: of records that are pure chance, those claim a gain.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from artifacts.evaluation.averages import average
from artifacts.evaluation.intervals import paired_interval
from artifacts.evaluation.results import EvaluationResult

# Settings of α that tables show, where they were judged.
SHOWN_ALPHAS = tuple(i / 10 for i in range(11))


@dataclass(frozen=True, slots=True)
class OneAlpha:
    """A method at one α; means over the splits.

    `gain` is accuracy less that of the best single model on the same rows, `ci95` the
    interval of its mean (`paired_interval`; None: fewer than two splits).
    `cost_share` is a part of the best single model's cost; None where that is free.
    """

    alpha: float
    accuracy: float
    cost_usd: float
    cost_share: float | None
    gain: float
    ci95: tuple[float, float] | None
    point: int  # of the method's curve


def by_alpha(result: EvaluationResult, method: str) -> tuple[OneAlpha, ...]:
    """`method` at each of SHOWN_ALPHAS that was judged, by ascending α."""
    curve = average(result.splits, method)
    best_usd = float(average(result.splits, "best-single").cost_usd[0])
    settings = []
    for point, alpha in enumerate(curve.alpha.tolist()):
        if alpha not in SHOWN_ALPHAS:
            continue
        gains = _gains(result, method, point)
        cost_usd = float(curve.cost_usd[point])
        settings.append(
            OneAlpha(
                alpha=alpha,
                accuracy=float(curve.accuracy[point]),
                cost_usd=cost_usd,
                cost_share=cost_usd / best_usd if best_usd > 0 else None,
                gain=sum(gains) / len(gains),
                ci95=_interval(gains, result.train_fraction),
                point=point,
            )
        )
    return tuple(settings)


def _gains(result: EvaluationResult, method: str, point: int) -> list[float]:
    """Of each split."""
    return [
        float(
            split.curves[method].accuracy[point]
            - split.curves["best-single"].accuracy[0]
        )
        for split in result.splits
    ]


def _interval(
    gains: Sequence[float], train_fraction: float | None
) -> tuple[float, float] | None:
    return None if train_fraction is None else paired_interval(gains, train_fraction)


def shown_gain(setting: OneAlpha) -> str:
    """In points of per cent, with its interval if it has one."""
    text = f"{100 * setting.gain:+.2f}"
    if setting.ci95 is None:
        return text
    low, high = (f"{100 * end:+.2f}" for end in setting.ci95)
    return f"{text} ({low} … {high})"
