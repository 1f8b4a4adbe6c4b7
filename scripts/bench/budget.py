"""Many clients spend a budget at once, in a run for each number of kills: a table."""

import argparse
import asyncio
import json
from collections.abc import Mapping
from contextlib import nullcontext

from rich.console import Console
from rich.table import Table

from scripts.bench.budget_run import WORST_USD, Tally, spend, wrong
from scripts.bench.limits_graph import limits_graph
from scripts.option_types import number, result_file, whole
from tests.postgresql import postgresql_server

_PACE = {"first_token_s": 0.05, "tokens_per_s": 500, "completion_tokens": 100}


def run(options: argparse.Namespace, kills: int) -> Tally:
    """On a graph, and a database, of its own."""
    chosen = argparse.Namespace(**{**vars(options), "kills": kills})
    terms = {"max_budget": options.budget}
    with (
        postgresql_server(fsync=True) if options.postgresql else nullcontext() as store,
        limits_graph(
            terms, replicas=options.replicas, simulator=_PACE, postgresql=store
        ) as graph,
    ):
        return asyncio.run(spend(graph, chosen))


def figures(tally: Tally) -> dict[str, str]:
    """What the table says of one run."""
    return {
        "killed (SIGKILL)": ", ".join(tally.killed) or "nobody",
        "spent, in SQL": f"{tally.spent_usd:.6f} USD",
        "of unknown cost, counted as reserved": f"{tally.unknown_usd:.6f} USD",
        "records in SQL": str(tally.records),
        "answers, and their cost as clients saw it": (
            f"{tally.answered}, {tally.seen_usd:.6f} USD"
        ),
        "dearest answer": f"{tally.largest_usd:.6f} USD",
        "leases still open": f"{tally.leased_usd:.6f} USD",
        "refused, insufficient_quota": str(tally.refused),
        "connections that broke": str(tally.broken),
        "errors without OpenAI's envelope": str(tally.without_envelope),
        "errors": "\n".join(f"{n} × {what}" for what, n in tally.errors.items())
        or "none",
        "until all were refused": f"{tally.seconds:.0f} s",
        "load average at the start": f"{tally.load_average:.1f}",
    }


def show(options: argparse.Namespace, tallies: Mapping[int, Tally]) -> None:
    """A column for each run, and what is wrong with it."""
    columns = {kills: figures(tally) for kills, tally in tallies.items()}
    title = (
        f"{options.clients} clients, {options.replicas} Gateway replicas, "
        f"a budget of {options.budget:g} USD"
    )
    table = Table("", *(f"{kills} killed" for kills in columns), title=title)
    for name in next(iter(columns.values())):
        table.add_row(name, *(column[name] for column in columns.values()))
    console = Console()
    console.print(table)
    console.print(
        "bound: the budget, as the simulator charges no more than is reserved; "
        f"worst case of a request {WORST_USD:.6f} USD"
    )
    for kills, tally in tallies.items():
        for what in wrong(tally, options.budget):
            console.print(f"WRONG, {kills} killed: {what}")


def main() -> None:
    """Run, print, exit with 1 if it does not hold."""
    parser = argparse.ArgumentParser(prog="scripts/bench/budget")
    parser.add_argument("--replicas", type=whole(1, 1000), default=4)
    parser.add_argument("--clients", type=whole(1, 100_000), default=200)
    parser.add_argument("--budget", type=number(0.001, 1e6), default=1.0, help="USD")
    parser.add_argument(
        "--kills",
        type=whole(0, 1000),
        nargs="+",
        default=[0, 2],
        help="of Gateway replicas",
    )
    parser.add_argument("--kill-ledger", action="store_true")
    parser.add_argument("--postgresql", action="store_true", help="and not SQLite")
    parser.add_argument("--json", type=result_file)
    options = parser.parse_args()
    tallies = {kills: run(options, kills) for kills in options.kills}
    show(options, tallies)
    if options.json:
        text = json.dumps({kills: vars(tally) for kills, tally in tallies.items()})
        options.json.write_text(text + "\n", encoding="utf-8")
    bad = [what for tally in tallies.values() for what in wrong(tally, options.budget)]
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
