"""report.md: an evaluation as Markdown tables."""

from collections.abc import Mapping, Sequence

import numpy as np

from artifacts.evaluation.judging import EvaluationResult, SplitResult
from artifacts.evaluation.measures import METRICS
from artifacts.evaluation.summary import REFERENCE, Summary, Table, paired, summaries

_COLUMNS: Mapping[str, tuple[str, float, str]] = {
    "max_accuracy": ("max accuracy, %", 100, ".2f"),
    "max_accuracy_macro": ("macro, %", 100, ".2f"),
    "cost_to_match_best": ("cost to match best, %", 100, ".0f"),
    "cost_for_90": ("cost for 90 %, %", 100, ".0f"),
    "aiq_linear": ("AIQ linear", 1, ".2f"),
    "aiq_log": ("AIQ log", 1, ".2f"),
}


def markdown(result: EvaluationResult) -> str:
    """report.md: what was judged on what, the methods, the differences, the singles."""
    splits = result.splits
    table = summaries(splits)
    parts = ["# Evaluation", _preamble(splits), "## Methods", _method_table(table)]
    if differences := paired(table):
        title = f"## Differences to `{REFERENCE}`, split by split"
        parts += [title, _method_table(differences, sign="+")]
    parts += ["## Single models, held out", _single_table(splits), _NOTES]
    return "\n\n".join(parts) + "\n"


def _preamble(splits: Sequence[SplitResult]) -> str:
    seeds = ", ".join(str(split.seed) for split in splits)
    skipped = sum(split.n_skipped for split in splits)
    judged = sum(split.n_test for split in splits) - skipped
    names = sorted({split.best_single for split in splits})
    return (
        f"{len(splits)} split(s), seeds {seeds}; {judged} held-out rows judged, "
        f"{skipped} left out because some model was not measured on them. Best single "
        f"model, chosen on training rows: {', '.join(names)}. Cells: mean ± sd over "
        "the splits; (n) where a figure exists on n of them only; – where on none."
    )


def _method_table(table: Table, sign: str = "") -> str:
    titles = [_COLUMNS[metric][0] for metric in METRICS]
    rows = [
        (method, *(_cell(figures[metric], metric, sign) for metric in METRICS))
        for method, figures in table.items()
    ]
    return _markdown_table(("method", *titles), rows)


def _cell(figure: Summary, metric: str, sign: str) -> str:
    _, factor, digits = _COLUMNS[metric]
    if figure.mean is None:
        return "–"
    text = f"{factor * figure.mean:{sign}{digits}}"
    if figure.sd is not None:
        text += f" ± {factor * figure.sd:{digits}}"
    known = sum(value is not None for value in figure.values)
    return text if known == len(figure.values) else f"{text} ({known})"


def _single_table(splits: Sequence[SplitResult]) -> str:
    figures = np.array([list(split.singles.values()) for split in splits]).mean(axis=0)
    rows = [
        (model, f"{100 * accuracy:.2f}", f"{1000 * cost_usd:.4f}")
        for model, (accuracy, cost_usd) in zip(splits[0].singles, figures, strict=True)
    ]
    rows.sort(key=lambda row: -float(row[1]))
    return _markdown_table(("model", "accuracy, %", "$ per 1,000 queries"), rows)


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_NOTES = """\
Accuracy is the mean score over held-out queries (macro: over collections); cost is USD
per query. *Cost to match best*: cheapest setting that is at least as accurate as the
best single model, as a share of that model's cost; nothing is interpolated.
*AIQ*: average accuracy under the non-decreasing concave hull, from the cheapest to the
most expensive single model, over linear or logarithmic cost."""
