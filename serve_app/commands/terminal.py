"""What the command line draws: progress on a terminal, nothing in a pipe; tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.table import Table

from artifacts.embedding import Progress

# Metrics as reports name them, and what a table says for them. Costs are shares of
# the best single model's.
SHOWN = {
    "max_accuracy": "best accuracy",
    "cost_to_match_best": "cost to match",
    "cost_for_90": "cost for 90 %",
    "aiq_log": "AIQ log",
}


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    with RichProgress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output; the first column is text, the others figures.

    Brackets and colons in a name are part of it: nothing is taken for markup.
    """
    table = Table(title=title, title_justify="left")
    for place, name in enumerate(head):
        table.add_column(name, justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, emoji=False).print(table)
