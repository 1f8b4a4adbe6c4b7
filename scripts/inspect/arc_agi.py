"""ARC-AGI-v1 as an Inspect task: grids in, one grid out, right only if all cells are.

    inspect eval scripts/inspect -T folder="$PWD/ARC-AGI/data/evaluation" \\
        --limit 200 --model openrouter/openai/gpt-5

`folder` holds the public task files, `NAME.json`: `{"train": [{"input", "output"}],
"test": [{"input", "output"}]}`, a grid being rows of the digits 0–9. It is an absolute
path, for Inspect runs a task in the folder of its file. Every test input is a sample,
in the order of the names; one answer each (pass@1).
"""

import json
import re
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    Score,
    Scorer,
    Target,
    accuracy,
    scorer,
    stderr,
)
from inspect_ai.solver import TaskState, generate

Grid = list[list[int]]

_INSTRUCTIONS = """\
Each training example below maps an input grid to an output grid by one rule. \
A grid is rows of the digits 0 to 9, separated by spaces. Find the rule and apply it \
to the test input. End your answer with the output grid alone, in the same notation.
"""
_ROW = re.compile(r"\s*[0-9](?:[ ,]*[0-9])*\s*")
_NESTED = re.compile(r"\[\s*\[[\d\s,\[\]]*\]\s*\]")


@task
def arc_agi(folder: str) -> Task:
    """All test inputs of the task files in `folder`; `--limit N` takes the first N."""
    files = sorted(Path(folder).glob("*.json"))
    if not files:
        raise FileNotFoundError(f"{Path(folder).resolve()}: no .json task file in it")
    samples = [sample for file in files for sample in samples_of(file)]
    return Task(
        dataset=MemoryDataset(samples, name="arc_agi"),
        solver=generate(),
        scorer=same_grid(),
    )


def samples_of(file: Path) -> list[Sample]:
    """One sample for each test input; ValueError names file and place of a bad grid."""
    data = json.loads(file.read_text(encoding="utf-8"))
    try:
        examples = [
            (_checked(pair["input"]), _checked(pair["output"]))
            for pair in data["train"]
        ]
        tests = [
            (_checked(pair["input"]), _checked(pair["output"])) for pair in data["test"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: not an ARC task: {error}") from None
    return [
        Sample(
            id=file.stem if len(tests) == 1 else f"{file.stem}/{number}",
            input=prompt(examples, question),
            target=shown(answer),
        )
        for number, (question, answer) in enumerate(tests, start=1)
    ]


def prompt(examples: list[tuple[Grid, Grid]], question: Grid) -> str:
    """The examples and the test input as text."""
    parts = [_INSTRUCTIONS]
    for number, (given, wanted) in enumerate(examples, start=1):
        parts.append(f"Example {number}, input:\n{shown(given)}\n")
        parts.append(f"Example {number}, output:\n{shown(wanted)}\n")
    parts.append(f"Test input:\n{shown(question)}\n")
    return "\n".join(parts)


def shown(grid: Grid) -> str:
    """A grid as rows of digits."""
    return "\n".join(" ".join(map(str, row)) for row in grid)


def answered_grid(text: str) -> Grid | None:
    """The last grid in an answer, as rows of digits or as nested lists; None if none.

    Rows that belong to one grid stand on lines of their own without others between.
    """
    runs: list[tuple[int, Grid]] = []
    position, grid = 0, []
    for line in [*text.splitlines(keepends=True), "\n"]:
        if _ROW.fullmatch(line):
            grid.append([int(digit) for digit in re.findall(r"[0-9]", line)])
        elif grid:
            runs.append((position, grid))
            grid = []
        position += len(line)
    for match in _NESTED.finditer(text):
        try:
            runs.append((match.end(), json.loads(match.group())))
        except ValueError:
            continue
    if not runs:
        return None
    last: Grid = max(runs, key=lambda run: run[0])[1]
    return last


def _checked(grid: Any) -> Grid:
    """The grid; ValueError unless its rows are equally long and hold digits only."""
    cells = [cell for row in grid for cell in row]
    if not cells or len({len(row) for row in grid}) != 1:
        raise ValueError("a grid's rows must be equally long and not empty")
    if any(type(cell) is not int or not 0 <= cell <= 9 for cell in cells):
        raise ValueError("a grid's cells must be the digits 0 to 9")
    checked: Grid = grid
    return checked


@scorer(metrics=[accuracy(), stderr()])
def same_grid() -> Scorer:
    """Correct if the answer's last grid is the target, cell by cell."""

    async def score(state: TaskState, target: Target) -> Score:
        grid = answered_grid(state.output.completion)
        right = grid is not None and shown(grid) == target.text
        return Score(
            value=CORRECT if right else INCORRECT,
            answer=None if grid is None else shown(grid),
        )

    return score
