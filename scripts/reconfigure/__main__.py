"""`scripts/check-reconfigure`: see there."""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from scripts.option_types import result_file, whole
from scripts.reconfigure.edits import edits
from scripts.reconfigure.graph import running
from scripts.reconfigure.load import constant_load
from scripts.reconfigure.trial import Result, attempt, put_back
from scripts.upstream.api import Upstream
from scripts.upstream.listener import listening
from scripts.upstream.settings import ModelSettings, Settings

_WARM_UP_S = 5.0
# A stream takes two seconds, so that some are under way at each edit.
_UPSTREAM = ModelSettings(first_token_s=0.1, tokens_per_s=20, completion_tokens=40)

console = Console(
    highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 130
)


def main() -> int:
    """0 if each edit did what k8s/README.md says."""
    parser = argparse.ArgumentParser(prog="scripts/check-reconfigure")
    parser.add_argument("--clients", type=whole(1, 10_000), default=8)
    parser.add_argument("--live-only", action="store_true")
    parser.add_argument("--only", help="edits whose name has this in it")
    parser.add_argument("--json", type=result_file)
    arguments = parser.parse_args()
    results = measured(
        clients=arguments.clients,
        live_only=arguments.live_only,
        only=arguments.only or "",
    )
    console.print(table(results))
    for result in results:
        for failure, count in result.failed.items():
            console.print(f"{result.edit.name}: {count} × {failure}", markup=False)
        if result.error:
            console.print(f"{result.edit.name}: {result.error}", markup=False)
    if arguments.json:
        arguments.json.write_text(json.dumps([row(one) for one in results], indent=1))
    return 0 if results and all(result.holds for result in results) else 1


def measured(*, clients: int, live_only: bool, only: str = "") -> list[Result]:
    """Each edit in turn on one cluster, under one load."""
    with (
        TemporaryDirectory() as directory,
        listening(Upstream(Settings(default=_UPSTREAM))) as upstream,
        running(upstream) as graph,
    ):
        chosen = [one for one in edits(Path(directory)) if only in one.name]
        results = []
        with constant_load(graph.url, clients=clients) as load:
            time.sleep(_WARM_UP_S)
            for edit in chosen:
                if edit.is_live or not live_only:
                    results.append(attempt(graph, edit, load))
                    put_back(graph)
        return results


def row(result: Result) -> dict[str, object]:
    """As JSON."""
    return {
        "edit": result.edit.name,
        "restarted": sorted(result.restarted),
        "expected": sorted(result.edit.restarts),
        "requests": result.requests,
        "streams_across": result.streams_across,
        "failed": dict(result.failed),
        "effect_s": result.effect_s,
        "error": result.error,
        "holds": result.holds,
    }


def table(results: list[Result]) -> Table:
    """For people."""
    shown = Table("edit", "replicas replaced of", "requests", "streams across it")
    for column in ("failed", "first effect, s", "as stated"):
        shown.add_column(column)
    for result in results:
        effect = "–" if result.effect_s is None else f"{result.effect_s:.1f}"
        shown.add_row(
            result.edit.name,
            ", ".join(sorted(result.restarted)) or "none",
            str(result.requests),
            str(result.streams_across),
            str(sum(result.failed.values())),
            effect,
            "yes" if result.holds else "NO",
        )
    return shown


if __name__ == "__main__":
    sys.exit(main())
