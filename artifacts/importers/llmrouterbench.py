"""LLMRouterBench's results: `<dataset>/<split>/<model>/<...timestamp>.json`.

A file holds one model on one dataset's split, in `records`: `index`, `origin_query`,
`score`, `prompt_tokens`, `completion_tokens`, `cost`. What the file itself names
(`dataset_name`, `split`, `model_name`) goes before its place in the tree. Files of
different models are joined by the text of the query: an index counts within a run.

Its generator writes 0 for what it does not know. A call that failed for good used no
tokens, and its error message was scored as if it were an answer: a gap. A cost of 0 for
tokens that were used says that no price was configured: it is unknown.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifacts.errors import BadInput
from artifacts.importers.cells import Attempt, ImportOptions, Note, Usage
from artifacts.importers.fields import amount, identifier, mapping, parse_object, score
from artifacts.json_values import text

_STAMP = re.compile(r"(\d{8})_(\d{6})$")


@dataclass(frozen=True, slots=True)
class _Run:
    path: Path
    dataset: str
    split: str
    model: str

    @property
    def stamp(self) -> int:
        """When it was made, as its name says; comparable among names of one kind."""
        stem = self.path.stem
        match = _STAMP.search(stem)
        digits = "".join(match.groups()) if match else re.sub(r"\D", "", stem)
        return int(digits[:18] or 0)


def read(sources: Sequence[Path], options: ImportOptions) -> Iterator[Attempt | Note]:
    """The newest run of each model on each dataset's split; the rest are noted."""
    runs: dict[tuple[str, str, str], list[_Run]] = defaultdict(list)
    for path in _files(sources):
        run = _run(path)
        if run is None:
            yield Note(f"{path}: a demo run, not read")
        else:
            runs[run.dataset, run.split, run.model].append(run)
    splits = Counter(dataset for dataset, _ in {(d, s) for d, s, _ in runs})
    for _, group in sorted(runs.items()):
        newest, older = _newest(group)
        for run in older:
            yield Note(f"{run.path}: older than {newest.path.name}, not read")
        several = splits[newest.dataset] > 1
        name = f"{newest.dataset}/{newest.split}" if several else newest.dataset
        yield from _attempts(newest, name)


def _files(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if not source.is_dir():
            yield source
            continue
        found = sorted(source.rglob("*.json"))
        if not found:
            raise BadInput(f"{source}: no .json file below it")
        yield from found


def _run(path: Path) -> _Run | None:
    """What the file is about; None for a demo run."""
    data = _load(path)
    if data.get("demo") is True:
        return None
    parts = path.resolve().parts[-4:-1]
    names = ("dataset_name", "split", "model_name")
    if len(parts) < len(names) and not all(name in data for name in names):
        raise BadInput(f"{path}: not at <dataset>/<split>/<model>/, and names no model")
    own = (data.get(name, part) for name, part in zip(names, parts, strict=False))
    try:
        checked = [text(v, name) for name, v in zip(names, own, strict=True)]
    except ValueError as error:
        raise BadInput(f"{path}: {error}") from None
    return _Run(path, *checked)


def _load(path: Path) -> dict[str, Any]:
    try:
        data = parse_object(path.read_bytes())
        if not isinstance(data.get("records"), list):
            raise ValueError("records: a list is needed")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise BadInput(f"{path}: {error}") from None
    return data


def _newest(runs: Sequence[_Run]) -> tuple[_Run, list[_Run]]:
    *older, newest = sorted(runs, key=lambda run: run.stamp)
    if older and older[-1].stamp == newest.stamp:
        what = f"as new as {older[-1].path}, by their names; import one of them"
        raise BadInput(f"{newest.path}: {what}")
    return newest, older


def _attempts(run: _Run, dataset: str) -> Iterator[Attempt]:
    for number, record in enumerate(_load(run.path)["records"], start=1):
        where = f"{run.path}: record {number}"
        try:
            attempt = _attempt(mapping(record, "record"), run, dataset, where)
        except ValueError as error:
            raise BadInput(f"{where}: {error}") from None
        yield attempt


def _attempt(record: dict[str, Any], run: _Run, dataset: str, where: str) -> Attempt:
    # The agents' benchmarks have no question of their own, only the whole prompt.
    name = "origin_query" if record.get("origin_query") else "prompt"
    if name not in record:
        name = "origin_query"
    query = text(record.get(name), name)
    usage = _usage(record)
    scored, gap = score(record.get("score"), "score"), "no score"
    if usage.prompt_tokens == 0 and usage.completion_tokens == 0:
        scored, gap = None, "no tokens were used: the call failed"
    return Attempt(
        dataset=dataset,
        key=query,
        index=identifier(record.get("index"), "index"),
        query=query,
        model=run.model,
        where=where,
        usage=usage,
        score=scored,
        gap=gap,
    )


def _usage(record: dict[str, Any]) -> Usage:
    names = "prompt_tokens", "completion_tokens"
    prompt, completion = (amount(record.get(name), name) for name in names)
    return Usage(prompt, completion, amount(record.get("cost"), "cost") or None)
