"""A report on the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from statistics import median

from rich.console import Console
from rich.table import Table

from scripts.overhead.checks import Check
from scripts.overhead.disturbance import said_of_samples
from scripts.overhead.own_figures import OwnFigures
from scripts.overhead.plan import LEAST_S
from scripts.overhead.report import Report
from scripts.overhead.summary import Summary
from scripts.overhead.table import TABLES, rows

_WIDTH = 170  # narrower, the tables cannot be read


def print_report(report: Report, checks: list[Check]) -> None:
    """Tables, what went wrong, and whether what must be shown is."""
    console = Console(width=max(_WIDTH, Console().width))
    for scenario in report.scenarios:
        summary = report.summary(scenario)
        for title, columns in TABLES[scenario].items():
            head, *body = rows(summary, columns)
            table = Table(*head, title=title, title_justify="left")
            for line in body:
                table.add_row(*line)
            console.print(table)
        _print_notes(summary)
    if report.own:
        print(said_of_parts(report.own))
    for check in checks:
        print(check)
    print(said_of_machine(report))


def said_of_machine(report: Report) -> str:
    """The machine, and how far it was ours."""
    plan = report.plan
    longer = f" ({LEAST_S:g} s where answers are slow)" * (plan.seconds < LEAST_S)
    again = (
        " A sample with ~ was taken again, and the least disturbed one is shown."
        * bool(plan.repeats)
    )
    return (
        f"{report.machine}. Rounds: {plan.rounds} of {plan.seconds:g} s a sample"
        f"{longer}. {said_of_samples(*report.disturbed, plan.most_foreign)}; ! = some "
        f"errors.{again}"
    )


def _print_notes(summary: Summary) -> None:
    for target, why in summary.absent.items():
        print(f"absent: {target}: {why}")
    for target in summary.targets:
        if errors := summary.errors(target):
            print(f"{target}: errors {errors}")
        for said in said_of(summary, target):
            print(said)


def said_of(summary: Summary, target: str) -> Iterator[str]:
    """Rounds that it lacks, which of its rates are lower bounds, and which of its
    processes used how much; nothing of a single process."""
    if missed := summary.missed(target):
        yield f"{target} did not start in {missed} of the rounds: it lacks them"
    if slow := summary.slow_cases(target):
        yield (
            f"Rates count what had ended when a sample was over, which of {target} few "
            f"had; lower bounds are those of: {', '.join(slow)}"
        )
    for number in (1, 16):
        for case in (f"plain c={number} 0 ms", f"cold c={number}"):
            parts = summary.parts(target, case)
            if len(parts) > 1:
                shares = ", ".join(f"{name} {ms:.2f}" for name, ms in parts.items())
                yield f"CPU-ms of {target} at c = {number}: {shares}"


def said_of_parts(own: Sequence[OwnFigures]) -> str:
    """What encoder and decision do by themselves: medians of the rounds."""
    names = (field.name for field in fields(OwnFigures))
    middle = {name: median(getattr(each, name) for each in own) for name in names}
    return (
        f"The encoder alone, on one thread: {middle['encoder_rate']:.0f} texts a "
        f"second of processor time, p50 {middle['encoder_p50_ms']:.2f} ms; of 200 "
        f"tokens {middle['encoder_long_rate']:.0f} texts. One decision at 60 clusters "
        f"× 10 models: p50 {middle['decision_p50_us']:.0f} µs."
    )
