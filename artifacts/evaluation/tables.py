"""The tables of report.md."""

from collections.abc import Mapping, Sequence

from artifacts.evaluation.averages import average
from artifacts.evaluation.measures import METRICS
from artifacts.evaluation.one_alpha import by_alpha, shown_gain
from artifacts.evaluation.results import EvaluationResult
from artifacts.evaluation.summary import (
    Difference,
    Differences,
    Summary,
    Table,
    single_summaries,
)

# Title, factor and digits of each metric in a table.
_COLUMNS: Mapping[str, tuple[str, float, str]] = {
    "max_accuracy": ("max accuracy, %", 100, ".2f"),
    "max_accuracy_macro": ("macro, %", 100, ".2f"),
    "cost_to_match_best": ("cost to match best, %", 100, ".0f"),
    "cost_for_90": ("cost for 90 %, %", 100, ".0f"),
    "aiq_linear": ("AIQ linear", 1, ".2f"),
    "aiq_log": ("AIQ log", 1, ".2f"),
    "perf_gain": ("PerfGain, %", 100, ".1f"),
    "cost_save": ("CostSave, %", 100, ".0f"),
    "pareto_distance": ("Pareto distance, %", 100, ".2f"),
}
_MAIN = METRICS[:6]
_AGAINST_BEST = METRICS[6:]
# The others say the same in another unit.
_COMPARED = (*_MAIN, "pareto_distance")


def method_table(table: Table) -> str:
    """Accuracy, cost and AIQ of each method."""
    return _figures(table, _MAIN)


def against_best_table(table: Table) -> str:
    """PerfGain, CostSave and the distance to the front, of each method."""
    return _figures(table, _AGAINST_BEST)


def _figures(table: Table, metrics: Sequence[str]) -> str:
    titles = [_COLUMNS[metric][0] for metric in metrics]
    rows = [
        (method, *(_cell(figures[metric], metric) for metric in metrics))
        for method, figures in table.items()
    ]
    return markdown_table(("method", *titles), rows)


def difference_table(differences: Differences) -> str:
    """Mean ± sd of each difference."""
    titles = [_COLUMNS[metric][0] for metric in _COMPARED]
    rows = [
        (method, *(_cell(figures[metric], metric, "+") for metric in _COMPARED))
        for method, figures in differences.items()
    ]
    return markdown_table(("method", *titles), rows)


def interval_table(differences: Differences) -> str:
    """95 % interval of each mean difference, and on how many splits it is worse."""
    titles = [_COLUMNS[metric][0] for metric in _COMPARED]
    rows = [
        (method, *(_interval(figures[metric], metric) for metric in _COMPARED))
        for method, figures in differences.items()
    ]
    return markdown_table(("method", *titles), rows)


def _cell(figure: Summary | Difference, metric: str, sign: str = "") -> str:
    _, factor, digits = _COLUMNS[metric]
    if figure.mean is None:
        return "–"
    text = f"{factor * figure.mean:{sign}{digits}}"
    if figure.sd is not None:
        text += f" ± {factor * figure.sd:{digits}}"
    return text if figure.n == len(figure.values) else f"{text} ({figure.n})"


def _interval(figure: Difference, metric: str) -> str:
    _, factor, digits = _COLUMNS[metric]
    worse = f"{figure.n_worse} worse"
    if figure.ci95 is None:
        return f"–; {worse}"
    low, high = (f"{factor * end:+{digits}}" for end in figure.ci95)
    of = "" if figure.n == len(figure.values) else f" ({figure.n})"
    return f"{low} … {high}{of}; {worse}"


def single_table(result: EvaluationResult) -> str:
    """Each single model as if it were a method, the most accurate first."""
    figures = single_summaries(result)
    cost_usd = {
        model: sum(float(split.singles[model].cost_usd[0]) for split in result.splits)
        / len(result.splits)
        for model in figures
    }
    best_usd = float(average(result.splits, "best-single").cost_usd[0])
    metrics = ("max_accuracy_macro", "perf_gain", "cost_save", "aiq_log")
    rows = [
        (
            model,
            _cell(row["max_accuracy"], "max_accuracy"),
            f"{1000 * cost_usd[model]:.4f}",
            _percent(cost_usd[model], best_usd),
            *(_cell(row[metric], metric) for metric in (*metrics, "pareto_distance")),
        )
        for model, row in sorted(
            figures.items(), key=lambda item: -(item[1]["max_accuracy"].mean or 0)
        )
    ]
    titles = [_COLUMNS[metric][0] for metric in (*metrics, "pareto_distance")]
    header = ("model", "accuracy, %", "$ per 1,000 queries", "cost of best, %")
    return markdown_table((*header, *titles), rows)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f}" if whole > 0 else "–"


def setting_table(result: EvaluationResult, method: str) -> str:
    """What each α would have scored and cost, and who would have answered."""
    curve, settings = average(result.splits, method), by_alpha(result, method)
    rows = []
    for setting in settings:
        point, part = setting.point, setting.cost_share
        share = sorted(zip(curve.share[point].tolist(), result.models, strict=True))
        rows.append(
            (
                f"{setting.alpha:g}",
                f"{100 * setting.accuracy:.2f}",
                f"{100 * curve.accuracy_macro[point]:.2f}",
                f"{1000 * setting.cost_usd:.4f}",
                "–" if part is None else f"{100 * part:.0f}",
                shown_gain(setting),
                ", ".join(
                    f"{m} {100 * s:.0f} %" for s, m in share[:-4:-1] if s >= 0.01
                ),
            )
        )
    header = ("α", "accuracy, %", "macro, %", "$ per 1,000 queries", "cost of best, %")
    against = "against best single, points"
    if any(setting.ci95 for setting in settings):
        against += " (95 %)"
    return markdown_table((*header, against, "answered mostly by"), rows)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; cells hold no line breaks, and their bars are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )
