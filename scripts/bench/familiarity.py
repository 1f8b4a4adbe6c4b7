"""Which share of queries lies below each quantile of the training queries' similarity:
training queries, held-out ones of the same collections, and those of another file.

Clusters are fitted on 70 % of each collection of one file, for each seed; every file
takes its turn. Figures are means over the seeds.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from artifacts.clustering import KMeans, Vectors, nearest, unit_rows
from artifacts.dataset import RoutingDataset
from artifacts.embedding import embed
from artifacts.encoder import load_encoder
from artifacts.errors import BadInput
from artifacts.familiarity import measure_familiarity
from artifacts.onnx_encoder import read_spec
from artifacts.records import RecordReader
from scripts.option_types import result_file, whole
from scripts.records import data_directory

ROOT = Path(__file__).parents[2]
ENCODER = ROOT / "artifacts/default/encoder"
QUANTILES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


def shares_below(
    dataset: RoutingDataset, vectors: Vectors, others: list[Vectors], seed: int
) -> np.ndarray:
    """Rows: quantiles; columns: training, held out, each of the others."""
    train, test = dataset.split(0.7, seed)
    clustering = KMeans(seed=seed).fit(vectors[train])
    known = measure_familiarity(vectors[train], clustering)
    centroids = unit_rows(clustering.means)
    similarities = [
        nearest(rows, centroids, 1)[1]
        for rows in (vectors[train], vectors[test], *others)
    ]
    return np.array(
        [
            [(values < known.similarity(quantile)).mean() for values in similarities]
            for quantile in QUANTILES
        ]
    )


def main() -> None:
    """Print one table for each file; write the figures where --json says."""
    parser = _parser()
    options = parser.parse_args()
    encoder = load_encoder(read_spec(ENCODER), ENCODER)
    reader = RecordReader(allow_gaps=True)
    try:
        files = {path: reader.read([path]) for path in options.files}
    except BadInput as error:
        parser.error(str(error))
    vectors = {
        path: embed(dataset.queries, encoder, folder=options.embeddings)
        for path, dataset in files.items()
    }
    figures = {}
    for path, dataset in files.items():
        names = [other for other in files if other != path]
        others = [vectors[other] for other in names]
        runs = [
            shares_below(dataset, vectors[path], others, seed)
            for seed in range(options.seeds)
        ]
        share = np.mean(runs, axis=0)
        columns = ["training", "held out", *(other.name for other in names)]
        _print(path.name, columns, share)
        rows = [dict(zip(columns, row, strict=True)) for row in share.tolist()]
        figures[path.name] = dict(zip(map(str, QUANTILES), rows, strict=True))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _print(fitted_on: str, columns: list[str], share: np.ndarray) -> None:
    table = Table(title=f"Clusters of {fitted_on}: share of queries below, %")
    table.add_column("quantile")
    for name in columns:
        table.add_column(name, justify="right")
    for quantile, row in zip(QUANTILES, share.tolist(), strict=True):
        table.add_row(f"{quantile:g}", *(f"{100 * value:.2f}" for value in row))
    Console().print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, prog="scripts/bench/familiarity"
    )
    data = data_directory()
    files = [data / f"{name}.jsonl.xz" for name in ("zeroeval", "mmlupro-sample")]
    parser.add_argument("files", type=Path, nargs="*", default=files, help="records")
    parser.add_argument("--seeds", type=whole(1, 1000), default=4, help="splits")
    parser.add_argument("--embeddings", type=Path, help="folder that keeps the vectors")
    parser.add_argument(
        "--json", type=result_file, metavar="FILE", help="write the figures"
    )
    return parser


if __name__ == "__main__":
    main()
