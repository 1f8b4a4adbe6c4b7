"""What the command line draws: progress on a terminal, nothing in a pipe; tables."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from artifacts.embedding import Progress

# Metrics as reports name them, and what a table says for them. Costs are shares of
# the best single model's.
SHOWN = {
    "max_accuracy": "best accuracy",
    "cost_to_match_best": "cost to match",
    "cost_for_90": "cost for 90 %",
    "aiq_log": "AIQ log",
}
_NO_LIMIT = 10_000  # columns, where nobody's terminal ends


def shown_figure(name: str, mean: float | None, sd: float | None = None) -> str:
    """A metric of SHOWN. Parts of 1 as %; AIQ is × 100 by definition."""
    if mean is None:
        return "–"
    factor, unit = (1, "") if name.startswith("aiq") else (100, " %")
    spread = "" if sd is None else f" ± {factor * sd:.1f}"
    return f"{factor * mean:.1f}{spread}{unit}"


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    with RichProgress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output; the first column is text, the others figures.

    Nothing of it is left out, however narrow the terminal is: texts go on in the next
    line, figures and dates do not. No text is taken for rich's markup: models may be
    called `qwen3[bf16]`.
    """
    table = Table(title=Text(title, style="table.title"), title_justify="left")
    for place, name in enumerate(head):
        justify: JustifyMethod = "left" if place == 0 else "right"
        whole = _whole_width([row[place] for row in rows])
        table.add_column(Text(name), justify=justify, overflow="fold", min_width=whole)
    for row in rows:
        table.add_row(*map(Text, row))
    output().print(table, crop=False)


def _whole_width(cells: Sequence[str]) -> int | None:
    """Of the widest figure; None where some cell holds a word."""
    if any(character.isalpha() for cell in cells for character in cell):
        return None
    return max((cell_len(cell) for cell in cells), default=None)


def output() -> Console:
    """Standard output; a pipe or a file is as wide as what goes there."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _NO_LIMIT
    return console
