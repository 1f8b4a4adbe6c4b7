"""See scripts/loadtest/picture."""

import argparse
import csv
import math
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl

from scripts.loadtest.entries import ANSWER, FIRST_TOKEN, PAUSE, STREAM, UNANSWERED
from scripts.option_types import result_file

_HISTORY = "run_stats_history.csv"
_ALL = "Aggregated"
_ANSWERS = {STREAM, ANSWER, UNANSWERED}
Rows = dict[str, list[dict[str, str]]]


def read_history(directory: Path) -> Rows:
    """Locust's full history by name of the entry; SystemExit if there is none."""
    path = directory / _HISTORY
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows: Rows = defaultdict(list)
            for row in csv.DictReader(file):
                rows[row["Name"]].append(row)
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}") from None
    if not rows:
        raise SystemExit(f"{path}: empty")
    return dict(rows)


def column(rows: list[dict[str, str]], name: str) -> list[float]:
    """nan where Locust has written N/A."""
    return [math.nan if row[name] == "N/A" else float(row[name]) for row in rows]


def draw(rows: Rows, path: Path) -> None:
    """Three plots above each other with one axis of time."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    start = min(column(next(iter(rows.values())), "Timestamp"))
    figure, (load, first, pause) = plt.subplots(3, 1, figsize=(9, 7), sharex=True)
    _draw_load(load, rows, start)
    for axes, name in ((first, FIRST_TOKEN), (pause, PAUSE)):
        for percentile, style in (("50%", "-"), ("95%", "--"), ("99%", ":")):
            found = rows.get(name, [])
            at = [value - start for value in column(found, "Timestamp")]
            axes.plot(at, column(found, percentile), style, label=f"p{percentile[:-1]}")
        axes.set_ylabel(f"{name}, ms")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper right", fontsize="small")
    pause.set_xlabel("seconds")
    figure.align_ylabels()
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _draw_load(axes: "mpl.axes.Axes", rows: Rows, start: float) -> None:
    answers = [rows[name] for name in rows if name in _ANSWERS]
    by_time: dict[float, float] = defaultdict(float)
    failed: dict[float, float] = defaultdict(float)
    for entry in answers:
        for at, rate, failures in zip(
            column(entry, "Timestamp"),
            column(entry, "Requests/s"),
            column(entry, "Failures/s"),
            strict=True,
        ):
            by_time[at - start] += rate
            failed[at - start] += failures
    times = sorted(by_time)
    axes.plot(times, [by_time[at] for at in times], label="requests/s")
    axes.plot(times, [failed[at] for at in times], "r", label="failures/s")
    whole = rows[_ALL]
    users = axes.twinx()
    at = [value - start for value in column(whole, "Timestamp")]
    users.fill_between(
        at, column(whole, "User Count"), step="post", alpha=0.15, color="k"
    )
    users.set_ylabel("users")
    users.set_ylim(bottom=0)
    axes.set_ylabel("requests/s")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize="small")


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(prog="scripts/loadtest/picture")
    parser.add_argument("directory", type=Path)
    parser.add_argument("-o", "--output", type=result_file, help="default: DIR/run.png")
    options = parser.parse_args()
    output = options.output or options.directory / "run.png"
    draw(read_history(options.directory), output)
    print(output)


if __name__ == "__main__":
    main()
