"""Fits without one model, adds it back from a part of the training records, and judges
the result on held-out queries beside a fit with all models.

Every model of the bundled artifact is left out in turn, for each seed (a 70/30 split
and its clustering). AIQ log as in the report of `avengers evaluate`; all artifacts of a
split are measured over the same range of costs.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import KMeans, Vectors
from artifacts.dataset import RoutingDataset
from artifacts.embedding import embed
from artifacts.encoder import load_encoder
from artifacts.errors import BadInput
from artifacts.evaluation.curves import HeldOut, held_out, routed
from artifacts.evaluation.judging import ALPHAS
from artifacts.evaluation.measures import Yardstick, aiq
from artifacts.extend import NewRecords, add_models
from artifacts.fit import FitConfig, Fitted, fit_artifact
from artifacts.policy import rank
from artifacts.records import RecordReader
from artifacts.store import ENCODER, load
from scripts.option_types import result_file, whole
from scripts.records import zeroeval

ROOT = Path(__file__).parents[2]
SHARES = (1.0, 0.3, 0.1, 0.03)


@dataclass(frozen=True, slots=True)
class Trial:
    """AIQ log with one model left out and added back."""

    seed: int
    model: str
    full: float
    without: float
    added: dict[float, float]  # by the share of the training records


def trials(
    dataset: RoutingDataset, vectors: Vectors, template: RoutingArtifact, seed: int
) -> list[Trial]:
    """One for each model of `dataset`."""
    spec = template.manifest.encoder
    config = FitConfig(kmeans=KMeans(seed=seed), policy=template.manifest.policy)
    whole = fit_artifact(dataset, vectors, spec, config)
    rows = held_out(whole.test)
    full = _aiq(whole.artifact, whole, rows)
    done = []
    for model in dataset.models:
        others = [name for name in dataset.models if name != model]
        part = fit_artifact(dataset.with_models(others), vectors, spec, config)
        added = {
            share: _aiq(_added(part.artifact, model, whole, share), whole, rows)
            for share in SHARES
        }
        without = _aiq(part.artifact, whole, rows)
        done.append(Trial(seed, model, full, without, added))
    return done


def _added(
    artifact: RoutingArtifact, model: str, whole: Fitted, share: float
) -> RoutingArtifact:
    rng = np.random.default_rng(artifact.manifest.seed)
    n = len(whole.train)
    rows = np.sort(rng.permutation(n)[: round(share * n)])
    records = NewRecords(whole.train.take(rows), whole.train_vectors[rows])
    return add_models(artifact, [model], records)


def _aiq(artifact: RoutingArtifact, whole: Fitted, rows: HeldOut) -> float:
    """Of an artifact that may lack some of the models of `rows`."""
    columns = np.array([rows.models.index(model) for model in artifact.models])
    vectors = whole.test_vectors[rows.rows]
    choices = [rank(artifact.score(vectors, alpha)[0])[:, 0] for alpha in ALPHAS]
    curve = routed(rows, np.array(ALPHAS), columns[np.stack(choices)])
    best = int(np.nanmean(whole.train.score, axis=0).argmax())
    area = aiq(curve, Yardstick.of(rows, best, [curve]), log=True)
    if area is None:
        raise SystemExit("one of the models is free: there is no scale of log cost")
    return area


def main() -> None:
    """Run all trials, print the table, write it where --json says."""
    parser = _parser()
    options = parser.parse_args()
    template = load(ROOT / "artifacts/default")
    try:
        dataset = RecordReader().read([options.records]).with_models(template.models)
    except BadInput as error:
        parser.error(str(error))
    encoder = load_encoder(
        template.manifest.encoder, ROOT / "artifacts/default" / ENCODER
    )
    vectors = embed(dataset.queries, encoder, folder=options.embeddings)
    found = [
        trial
        for seed in track(range(options.seeds), "splits", console=Console(stderr=True))
        for trial in trials(dataset, vectors, template, seed)
    ]
    _print(found)
    if options.json:
        text = json.dumps({"trials": [_plain(trial) for trial in found]}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, prog="scripts/bench/add-model"
    )
    parser.add_argument(
        "--records", type=Path, default=zeroeval(), help="other records"
    )
    parser.add_argument("--seeds", type=whole(1, 1000), default=3, help="splits")
    parser.add_argument("--embeddings", type=Path, help="folder that keeps the vectors")
    parser.add_argument(
        "--json", type=result_file, metavar="FILE", help="write the figures"
    )
    return parser


def _plain(trial: Trial) -> dict[str, object]:
    return {
        "seed": trial.seed,
        "model": trial.model,
        "full": trial.full,
        "without": trial.without,
        "added": {f"{share:g}": value for share, value in trial.added.items()},
    }


def _print(found: Sequence[Trial]) -> None:
    table = Table(title="AIQ log on held-out queries; differences to the full fit")
    table.add_column("left out", no_wrap=True)
    for name in ("full fit", "without", *(f"added {s:.0%}" for s in SHARES)):
        table.add_column(name, justify="right")
    for model in sorted({trial.model for trial in found}):
        gaps = _gaps([trial for trial in found if trial.model == model]).mean(axis=0)
        table.add_row(model, "", *(f"{gap:+.2f}" for gap in gaps))
    table.add_section()
    full = np.mean([trial.full for trial in found])
    gaps = _gaps(found)
    table.add_row("mean", f"{full:.2f}", *(f"{gap:+.2f}" for gap in gaps.mean(axis=0)))
    table.add_row("sd", "", *(f"{gap:.2f}" for gap in gaps.std(axis=0)))
    Console().print(table)


def _gaps(found: Sequence[Trial]) -> np.ndarray:
    """Without, then added by share, against the full fit; one row for each trial."""
    return np.array(
        [
            [t.without - t.full, *(t.added[share] - t.full for share in SHARES)]
            for t in found
        ]
    )


if __name__ == "__main__":
    main()
