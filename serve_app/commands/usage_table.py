"""A usage report on the terminal."""

from collections.abc import Mapping
from typing import Any

from serve_app.commands.terminal import print_table

_UNKNOWN = "–"


def print_usage(report: Mapping[str, Any]) -> None:
    """A row for each combination, and the total."""
    by = report["by"]
    head = ("requests", "failed", "prompt", "completion", "USD", "USD unknown of")
    saved = "saved USD (estimate)"
    rows = [
        [*(_text(row[name]) for name in by), *_figures(row)] for row in report["data"]
    ]
    if by:
        rows.append(["total", *[""] * (len(by) - 1), *_figures(report["total"])])
    title = f"usage from {report['start']} to {report['end']} (not in it)"
    with_savings = report["reference_model"] is not None
    if not with_savings:
        rows = [row[:-1] for row in rows]
    print_table(title, (*by, *head, *([saved] if with_savings else [])), rows)


def _figures(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{row['requests']:,}",
        f"{row['failures']:,}",
        _count(row["prompt_tokens"]),
        _count(row["completion_tokens"]),
        _usd(row["cost_usd"]),
        f"{row['unknown_cost']:,}",
        _usd(row["savings"]["savings_usd"]),
    ]


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _usd(amount: float | None) -> str:
    return _UNKNOWN if amount is None else f"{amount:.6f}"


def _text(value: str | None) -> str:
    # A client may have chosen it: nothing of it is for the terminal.
    text = _UNKNOWN if value is None else value
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
