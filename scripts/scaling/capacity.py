"""See scripts/capacity."""

import argparse
import sys
from pathlib import Path

from scripts.marked import write_part
from scripts.option_types import number
from scripts.placing import PLACES
from scripts.scaling.assumed import add_assumptions, assumptions_of
from scripts.scaling.capacity_tables import (
    RATES,
    basis,
    clusters_note,
    constants_table,
    gpu_note,
    page_part,
    readme_part,
    table,
)
from scripts.scaling.constants import FILE, GATHER_MS, ROOT, Constants, Way
from scripts.scaling.steady import loads

PAGE, README = ROOT / "docs/capacity.md", ROOT / "README.md"
PART = "capacity: scripts/capacity --docs"
CONSTANTS_PART = "constants: scripts/capacity --docs"


def main() -> int:
    """Print, or write the tables."""
    given = ["--help" if word == "--options" else word for word in sys.argv[1:]]
    options = _parser().parse_args(given)
    assumptions = assumptions_of(vars(options))
    constants = Constants.read(options.constants)
    if options.docs:
        write_part(PAGE, PART, page_part(constants, assumptions))
        write_part(PAGE, CONSTANTS_PART, constants_table(constants))
        write_part(README, PART, readme_part(constants, assumptions))
        return 0
    way = Way(options.placement == "gateway", options.gather_ms)
    cpu, gpu = loads(constants, assumptions, way)
    load = gpu if options.gpu else cpu
    print(basis(load))
    if options.gpu:
        print(gpu_note(load))
    print(table(load, options.rates))
    print(clusters_note(load))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/capacity",
        description="What a steady rate takes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--rates",
        type=number(0.1, 1e6),
        nargs="+",
        default=list(RATES),
        help="requests/s",
    )
    add("--gpu", action="store_true", help="Qwen3-Embedding-8B on GPUs embeds")
    where = "where Router and backends are"
    add("--placement", choices=PLACES, default=PLACES[0], help=where)
    gathers = "how long an upstream's events gather; what was measured"
    add("--gather-ms", type=int, choices=GATHER_MS, default=GATHER_MS[0], help=gathers)
    add("--constants", type=Path, default=FILE)
    add("--docs", action="store_true", help="write README's and docs' tables anew")
    add_assumptions(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
