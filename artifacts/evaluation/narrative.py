"""report.md: an evaluation as a text to read."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from artifacts.evaluation.averages import AverageCurve, average, elbows
from artifacts.evaluation.collection_table import collection_table
from artifacts.evaluation.measures import ROUNDING
from artifacts.evaluation.notes import INTERVALS, NOTES, PUBLISHED
from artifacts.evaluation.one_alpha import by_alpha
from artifacts.evaluation.results import EvaluationResult, SplitResult
from artifacts.evaluation.summary import (
    REFERENCE,
    Summary,
    Table,
    paired,
    summaries,
)
from artifacts.evaluation.tables import (
    against_best_table,
    difference_table,
    interval_table,
    method_table,
    setting_table,
    single_table,
)

# File → what it shows, in the order of the report.
FIGURES = {
    "accuracy-cost.png": "Accuracy against cost of 1,000 queries",
    "alpha.png": "What α does to accuracy and cost",
    "shares.png": "Which models answer, by α",
    "alpha-paper.png": "Accuracy and cost over α under the paper's policy",
    "shares-paper.png": "Which models answer under the paper's policy",
    "clusters.png": "The queries and their clusters, with words that set them apart",
    "beside-published.png": "The same beside the points that the paper published",
    "published.png": "What the paper published, redrawn from its Table 3",
}


def markdown(
    result: EvaluationResult, focus: str, figures: Collection[str] = ()
) -> str:
    """report.md with `focus` as the method it is about.

    `figures` are the names of the files that lie beside it.
    """
    table = summaries(result)
    parts = [
        "# Evaluation",
        _in_short(result, table, focus),
        _preamble(result),
        f"## What routing would have cost and scored (`{focus}`)",
        setting_table(result, focus),
        _elbow_note(result, focus),
        *_embedded(figures),
        "## Methods",
        method_table(table),
        "### Against the best single model",
        against_best_table(table),
    ]
    if differences := paired(table, result.train_fraction):
        parts += [
            f"## Differences to `{REFERENCE}`, split by split",
            difference_table(differences),
        ]
        if len(result.splits) > 1:
            parts += [INTERVALS, interval_table(differences)]
    parts += ["## Single models, held out", single_table(result)]
    parts += ["## By collection", collection_table(result, focus)]
    parts += ["## What the figures mean", NOTES]
    if "published.png" in figures:
        parts.append(PUBLISHED)
    return "\n\n".join(part for part in parts if part) + "\n"


def _in_short(result: EvaluationResult, table: Table, focus: str) -> str:
    routed, best = table[focus], table["best-single"]["max_accuracy"].mean or 0.0
    best_usd = float(average(result.splits, "best-single").cost_usd[0])
    gain = routed["perf_gain"].mean
    sentences = [
        f"On queries that it had not seen, the best single model was right on "
        f"{100 * best:.2f} % of them for ${1000 * best_usd:.4f} per 1,000 queries.",
        f"Routing (`{focus}`) over {len(result.models)} models would have reached "
        f"{100 * (routed['max_accuracy'].mean or 0.0):.2f} % at its best α"
        + ("" if gain is None else f" ({100 * gain:+.1f} % relative)")
        + ";",
        _at_what_price(routed, best_usd),
        "These are the settings that did best on these very queries"
        + _one_alpha(result.splits, focus),
        unsought(result, focus),
    ]
    return " ".join(filter(None, sentences))


def unsought(result: EvaluationResult, focus: str) -> str:
    """What the greatest α of the table is worth, which nobody looked for on these
    queries; "" if that α was not judged."""
    settings = by_alpha(result, focus)
    if not settings:
        return ""
    last = settings[-1]
    text = f"At α = {last.alpha:g}, which was not looked for, routing is "
    text += f"{100 * last.gain:+.2f} points from the best single model"
    if last.ci95 is None:
        return f"{text}."
    low, high = last.ci95
    text += f" (95 %: {100 * low:+.2f} … {100 * high:+.2f})"
    if low <= 0 <= high:
        return f"{text}: no more than chance may make."
    return f"{text}."


def _one_alpha(splits: Sequence[SplitResult], focus: str) -> str:
    """What is left of that if all splits have to do with one setting."""
    if len(splits) == 1:
        return "."
    curve, best = average(splits, focus), average(splits, "best-single")
    top = int(curve.accuracy.argmax())
    text = (
        ", on each split its own. One α for all splits would have reached "
        f"{100 * curve.accuracy[top]:.2f} % at most ({_setting(curve, top, best)})"
    )
    enough = np.flatnonzero(curve.accuracy >= best.accuracy[0] - ROUNDING)
    if len(enough) == 0:
        return f"{text}, less than the best single model."
    first = int(enough[curve.cost_usd[enough].argmin()])
    setting = _setting(curve, first, best)
    return f"{text} and the best single model's accuracy ({setting})."


def _setting(curve: AverageCurve, point: int, best: AverageCurve) -> str:
    alpha, best_usd = f"α = {curve.alpha[point]:g}", best.cost_usd[0]
    if best_usd == 0:
        return alpha
    return f"{alpha}, {100 * curve.cost_usd[point] / best_usd:.0f} % of the best's cost"


def _at_what_price(routed: Mapping[str, Summary], best_usd: float) -> str:
    if best_usd == 0:
        return (
            "the best single model costs nothing, so nothing is a share of its price."
        )
    match = _reached(routed["cost_to_match_best"], "the best single model's accuracy")
    return f"{match}, {_reached(routed['cost_for_90'], '90 % of that accuracy')}."


def _reached(figure: Summary, what: str) -> str:
    if figure.mean is None:
        return f"{what} would not have been reached at any α"
    text = f"{what} would have cost {100 * figure.mean:.0f} % of its price"
    if figure.n == len(figure.values):
        return text
    return f"{text} (reached on {figure.n} of {len(figure.values)} splits)"


def _preamble(result: EvaluationResult) -> str:
    splits = result.splits
    seeds = ", ".join(str(split.seed) for split in splits)
    names = sorted({split.best_single for split in splits})
    parts = [
        f"{len(splits)} split(s), seeds {seeds}; {result.n_judged} held-out rows "
        f"judged, {result.n_skipped} left out because some model was not measured on "
        "them.",
        *([note] if (note := unjudged_note(result)) else []),
        f"Best single model, chosen on training rows: {', '.join(names)}. Cells: mean "
        "± sd over the splits; (n) where a figure exists on n of them only, and the "
        "mean is of those; – where on none.",
    ]
    return " ".join(parts)


def unjudged_note(result: EvaluationResult) -> str:
    """Names the collections of which every held-out row lacks some model; "": none."""
    if not result.unjudged:
        return ""
    what = "there is no held-out row there on which every model was measured"
    return f"No figure rests on {', '.join(result.unjudged)}: {what}."


def _elbow_note(result: EvaluationResult, focus: str) -> str:
    curve = average(result.splits, focus)
    places = elbows(curve.alpha, curve.cost_usd)
    if not places:
        return "The mean cost over α has no elbow."
    text = (
        f"The mean cost over α has an elbow at α = {places[0]:.2f}, where it turns up"
    )
    if len(places) > 1:
        text += f", and one at α = {places[1]:.2f}, where it levels off"
    return f"{text} (the points farthest from the chord)."


def _embedded(figures: Collection[str]) -> list[str]:
    return [f"![{what}]({name})" for name, what in FIGURES.items() if name in figures]
