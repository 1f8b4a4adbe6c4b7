"""The table of report.md that tells the collections apart: as the paper's Table 3."""

from collections import Counter
from collections.abc import Iterator, Sequence

from artifacts.evaluation.averages import average_by_collection
from artifacts.evaluation.curves import Curve
from artifacts.evaluation.one_alpha import SHOWN_ALPHAS
from artifacts.evaluation.results import EvaluationResult, SplitResult
from artifacts.evaluation.tables import markdown_table

_Entry = tuple[str, Sequence[Curve], int]  # name, a curve for each split, point


def collection_table(result: EvaluationResult, method: str) -> str:
    """Accuracy on each collection, average and cost: models, then `method` by α.

    A collection that was judged on some of the splits only says on how many.
    """
    splits = result.splits
    n_splits = Counter(name for split in splits for name in split.collections)
    names = sorted(n_splits)
    titles = [
        name if n_splits[name] == len(splits) else f"{name} ({n_splits[name]})"
        for name in names
    ]
    return markdown_table(
        ("setting", *titles, "macro, %", "$ per 1,000 queries"),
        [_row(splits, entry, names) for entry in _entries(splits, method)],
    )


def _entries(splits: Sequence[SplitResult], method: str) -> Iterator[_Entry]:
    for model in splits[0].singles:
        yield model, [split.singles[model] for split in splits], 0
    routed = [split.curves[method] for split in splits]
    for point, alpha in enumerate(routed[0].knob.tolist()):
        if alpha in SHOWN_ALPHAS[::2]:
            yield f"{method}, α = {alpha:g}", routed, point


def _row(
    splits: Sequence[SplitResult], entry: _Entry, names: Sequence[str]
) -> Sequence[str]:
    label, curves, point = entry
    accuracy = average_by_collection(splits, curves, point)
    macro = sum(float(curve.accuracy_macro[point]) for curve in curves)
    cost_usd = sum(float(curve.cost_usd[point]) for curve in curves)
    return (
        label,
        *(f"{100 * accuracy[name]:.2f}" for name in names),
        f"{100 * macro / len(splits):.2f}",
        f"{1000 * cost_usd / len(splits):.4f}",
    )
