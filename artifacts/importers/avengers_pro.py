"""The JSONL of the Avengers-Pro authors: one query a line, all models in it.

Their code counts a missing cost as 0 and fills a missing model with score 0; here a
missing cost is unknown and a missing model is a gap.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from artifacts.errors import RecordError
from artifacts.importers.cells import Attempt, ImportOptions, Usage
from artifacts.importers.fields import amount, identifier, mapping, parse_object, score
from artifacts.json_values import text
from artifacts.records import numbered_lines


def read(sources: Sequence[Path], options: ImportOptions) -> Iterator[Attempt]:
    """All cells of all files; RecordError names a bad line and its field."""
    for path in sources:
        for number, line in numbered_lines(path):
            try:
                attempts = _attempts(parse_object(line), f"{path}:{number}")
            except ValueError as error:
                raise RecordError(path, number, str(error)) from None
            yield from attempts


def _attempts(data: dict[str, Any], where: str) -> list[Attempt]:
    query = text(data.get("query"), "query")
    dataset = text(data["dataset"], "dataset") if "dataset" in data else "default"
    index = identifier(data.get("index"), "index")
    scores = mapping(data.get("records"), "records")
    usages = mapping(data.get("usages"), "usages")
    if not scores:
        raise ValueError("records: no model")
    return [
        Attempt(
            dataset=dataset,
            key=query,
            index=index,
            query=query,
            model=text(model, "records: model name"),
            where=where,
            usage=_usage(usages.get(model), f"usages.{model}"),
            score=score(value, f"records.{model}"),
            gap="no score",
        )
        for model, value in scores.items()
    ]


def _usage(value: Any, name: str) -> Usage:
    if value is None:
        return Usage()
    usage = mapping(value, name)
    return Usage(
        prompt_tokens=amount(usage.get("prompt_tokens"), f"{name}.prompt_tokens"),
        completion_tokens=amount(
            usage.get("completion_tokens"), f"{name}.completion_tokens"
        ),
        cost_usd=amount(usage.get("cost"), f"{name}.cost"),
        estimated=usage.get("cost_estimated") is True,  # records of our own
    )
