"""Logs of Inspect (`.eval`, `.json`): one model on one task each.

Read with the library `inspect-ai`. The task is the dataset; logs are joined by the
sample's id, and a sample's epochs are averaged.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from artifacts.errors import BadInput
from artifacts.importers.cells import Attempt, ImportOptions, Note, Usage
from artifacts.importers.inspect_samples import query_text, sample_score, sample_usage
from artifacts.importers.libraries import library
from artifacts.json_values import text

# How Inspect names its logs; a directory of them holds other .json files too.
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}T")
# Large, and not asked for.
_UNREAD = {"events", "store", "messages", "timelines"}


def read(sources: Sequence[Path], options: ImportOptions) -> Iterator[Attempt | Note]:
    """All samples of all logs; of retries of one run only the last is read."""
    runs: dict[tuple[str, str], list[tuple[Path, Any]]] = defaultdict(list)
    for path in _files(sources):
        header = _load(path, header_only=True)
        runs[header.eval.task_id, header.eval.model].append((path, header))
    for _, logs in sorted(runs.items()):
        *older, (path, header) = sorted(logs, key=lambda log: log[1].eval.created)
        for retried, _ in older:
            yield Note(f"{retried}: retried in {path.name}, not read")
        _refuse_incomplete(path, header, options)
        yield from _attempts(path, header.eval, options.scorer)


def _files(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if not source.is_dir():
            yield source
            continue
        dated = (path for path in source.rglob("*.json") if _DATED.match(path.name))
        found = sorted([*source.rglob("*.eval"), *dated])
        if not found:
            raise BadInput(f"{source}: no Inspect log below it")
        yield from found


def _load(path: Path, *, header_only: bool) -> Any:
    inspect_log = library("inspect_ai.log", package="inspect-ai")
    try:
        path.open("rb").close()  # the system's own word for what cannot be opened
        return inspect_log.read_eval_log(
            path,
            header_only=header_only,
            exclude_fields=None if header_only else _UNREAD,
        )
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    # Of a damaged log the library lets through whatever zstandard, ijson, struct,
    # zipfile, pydantic or its own assertions raise.
    except Exception as error:  # noqa: BLE001
        first = (str(error).splitlines() or [""])[0]
        what = f"not an Inspect log: {type(error).__name__}: {first}"
        raise BadInput(f"{path}: {what}") from None


def _refuse_incomplete(path: Path, header: Any, options: ImportOptions) -> None:
    if header.status != "success" and not options.allow_incomplete:
        what = f"status: {header.status!r} (--allow-incomplete takes what is in it)"
        raise BadInput(f"{path}: {what}")


def _attempts(path: Path, spec: Any, scorer: str | None) -> Iterator[Attempt]:
    helpers = _roles_of(spec)
    for sample in _load(path, header_only=False).samples or []:
        where = f"{path}: sample {sample.id!r} epoch {sample.epoch}"
        try:
            attempt = _attempt(sample, spec, helpers, scorer, where)
        except ValueError as error:
            raise BadInput(f"{where}: {error}") from None
        yield attempt


def _attempt(
    sample: Any, spec: Any, helpers: frozenset[str], scorer: str | None, where: str
) -> Attempt:
    query = query_text(sample)
    gap, score = _gap(sample, spec.model), None
    if not query:
        gap = "no text in the input"
    if not gap:
        score = sample_score(sample, scorer)
        gap = "no score" if score is None else ""
    return Attempt(
        dataset=spec.task.rpartition("/")[2],
        key=str(sample.id),
        index=str(sample.id),
        query=text(query, "input") if query else "",
        model=spec.model,
        where=where,
        usage=Usage() if gap else sample_usage(sample, spec.model, helpers),
        score=score,
        gap=gap,
        epoch=sample.epoch,
    )


def _gap(sample: Any, model: str) -> str:
    """Why the sample has no score to use; "" if it may have."""
    if sample.error is not None:
        return "sample error"
    # Older releases of the library have neither of these fields.
    if getattr(sample, "invalidation", None) is not None:
        return "invalidated"
    fallbacks = getattr(sample, "model_fallbacks", None) or ()
    if any(fallback.model == model for fallback in fallbacks):
        return "another model answered"
    return ""


def _roles_of(spec: Any) -> frozenset[str]:
    """The roles that the model under test plays beside its own."""
    roles = set()
    for role, models in (spec.model_roles or {}).items():
        of_role = models if isinstance(models, list) else [models]
        if any(config.model == spec.model for config in of_role):
            roles.add(role)
    return frozenset(roles)
