"""The figures of `scripts/bench/embedder`, printed."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from scripts.bench.embedder_load import Advice, Speed


def show(speeds: Sequence[Speed], said: Advice, title: str) -> None:
    """A row for each figure; then what they mean for Ray's settings."""
    table = Table(title=title, title_justify="left")
    for name in ("engine", "batch", "length", "texts/s", "tokens/s", "peak", "p50 ms"):
        table.add_column(name, justify="left" if name == "engine" else "right")
    for speed in speeds:
        share = "–" if speed.peak_share is None else f"{speed.peak_share:.1%}"
        table.add_row(
            speed.engine,
            f"{speed.budget:,}",
            f"{speed.tokens:,}" if speed.tokens else "mixed",
            f"{speed.texts_per_s:,.1f}",
            f"{speed.tokens_per_s:,.0f}",
            share,
            f"{speed.p50_ms:.1f}",
        )
    Console(width=100).print(table)
    print(
        f"fastest with mixed lengths: {said.engine}, max_batch_tokens {said.budget}: "
        f"{said.texts_per_s:,.1f} texts/s\n"
        f"max_ongoing_requests: {said.max_ongoing_requests}\n"
        f"target_ongoing_requests: {said.target_ongoing_requests}"
    )
