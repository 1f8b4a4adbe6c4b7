"""`avengers diff`: how the decisions of two artifacts differ."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import Vectors
from artifacts.diff import Difference, Expectation, Side, difference
from artifacts.embedding import embed
from artifacts.encoder import load_encoder
from artifacts.errors import BadInput
from artifacts.queries import read_queries
from artifacts.store import ENCODER, load
from serve_app.commands.terminal import print_table, progress_bar
from serve_app.config import artifact_directory

_SHOWN_SWITCHES = 5  # for each α; --json has all


def diff(  # noqa: PLR0913  (the options of a command)
    a: Annotated[str, typer.Argument(help="Artifact: directory or address.")],
    b: Annotated[str, typer.Argument(help="The one to compare with it.")],
    queries: Annotated[
        Path, typer.Option(help="Records, JSON lines, or one text a line.")
    ],
    alphas: Annotated[
        str, typer.Option(help="Trade-offs in [0, 1], comma-separated.")
    ] = "0,0.2,0.5,0.8,1",
    all_models: Annotated[
        bool, typer.Option(help="Not only the models that both have.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how decisions change from artifact A to B."""
    knobs = _alphas(alphas)
    directories = artifact_directory(a), artifact_directory(b)
    first, second = (load(directory) for directory in directories)
    texts = read_queries(queries)
    vectors = _embed(texts, first, directories[0])
    same = not first.manifest.encoder.differences(second.manifest.encoder)
    others = vectors if same else _embed(texts, second, directories[1])
    found = difference(
        Side(first, vectors), Side(second, others), knobs, all_models=all_models
    )
    if as_json:
        whole = {
            "a": first.artifact_id,
            "b": second.artifact_id,
            "queries": len(texts),
            "alphas": [asdict(one) for one in found],
        }
        typer.echo(json.dumps(whole, indent=2))
        return
    _print(found, len(texts))


def _alphas(text: str) -> list[float]:
    try:
        alphas = [float(part) for part in text.split(",")]
    except ValueError:
        alphas = [math.nan]
    if not all(0 <= alpha <= 1 for alpha in alphas):
        raise BadInput(f"--alphas {text!r}: numbers in [0, 1], comma-separated")
    return alphas


def _embed(
    texts: tuple[str, ...], artifact: RoutingArtifact, directory: Path
) -> Vectors:
    encoder = load_encoder(artifact.manifest.encoder, directory / ENCODER)
    with progress_bar("embedding") as progress:
        return embed(texts, encoder, progress)


def _print(found: tuple[Difference, ...], n: int) -> None:
    print_table(
        f"Decisions on {n:,} queries, A → B",
        ("alpha", "changed", "expected accuracy", "USD per 1,000", "B of A's choices"),
        [
            (
                f"{one.alpha:g}",
                f"{one.changed:.1%}",
                f"{one.expected_a.accuracy:.1%} → {one.expected_b.accuracy:.1%}",
                f"{one.expected_a.cost_usd * 1000:.3f} → "
                f"{one.expected_b.cost_usd * 1000:.3f}",
                _seen(one.a_seen_by_b),
            )
            for one in found
        ],
    )
    print_table(
        "Models, % of the queries, A→B",
        ("model", *(f"α {one.alpha:g}" for one in found)),
        [(model, *(_shares(one, model) for one in found)) for model in _models(found)],
    )
    switches = [
        (f"{one.alpha:g}", switch.before, switch.after, f"{switch.queries:,}")
        for one in found
        for switch in one.switches[:_SHOWN_SWITCHES]
    ]
    if switches:
        print_table("Switches", ("alpha", "from", "to", "queries"), switches)


def _seen(expected: Expectation | None) -> str:
    """What B expects of A's choices."""
    if expected is None:
        return "–"
    return f"{expected.accuracy:.1%}, {expected.cost_usd * 1000:.3f}"


def _models(found: tuple[Difference, ...]) -> list[str]:
    return sorted({model for one in found for model in one.share_a | one.share_b})


def _shares(one: Difference, model: str) -> str:
    before, after = one.share_a.get(model, 0), one.share_b.get(model, 0)
    same = f"{before:.0%}" == f"{after:.0%}"
    return f"{before * 100:.0f}" if same else f"{before * 100:.0f}→{after * 100:.0f}"
