"""The Markdown page of a report, with its plot beside it."""

from pathlib import Path

from scripts.overhead.checks import Check
from scripts.overhead.plot import draw
from scripts.overhead.printing import said_of, said_of_machine, said_of_parts
from scripts.overhead.report import Report
from scripts.overhead.summary import Summary
from scripts.overhead.table import TABLES, as_markdown, rows

_HEAD = """# What a routed request costs

Written by `scripts/bench/overhead --scenario all --peers --docs`; do not edit.

{machine}

Load generator, upstream and gateway share these cores. The upstream answers at once
unless said otherwise; a stream has 50 chunks and is as fast as its reader, *paced*: one
chunk in 20 ms. Questions of about 20 tokens, bodies of 500 bytes. *Direct* is the
upstream without a gateway; *bare proxy* is uvicorn with aiohttp and a check of the key,
nothing else. CPU is that of all processes of a gateway, Ray's and HAProxy's included.
Every answer is checked: status, all 50 tokens, that it is this question's, `[DONE]`.
In the open loop questions come at a fixed rate, and latency counts from the moment one
was due. Answers per second are those that had ended when a sample was over; where not
even one for each connection had, all that ended, over the time until the last had.
Medians over rounds, least and most in brackets; the p99 of a sample of up to a hundred
answers (open 50/s: 50 a second) is its slowest.

Ours keeps tenants, budgets and usage in SQLite, as it does out of the box (a row *no
database*, where there is one, does not). Other gateways run without database and
callbacks, with one worker and no access log. LiteLLM is 1.109.1, RouteLLM 0.2.0 with
its random router; Portkey 1.15.2, as published, answers 500 to every stream, so its
program is patched in one place to measure them.

What is done for it, and what bounds what is missed: [speed.md](speed.md).
"""


def write_docs(report: Report, checks: list[Check], directory: Path) -> None:
    """overhead.md and overhead.png in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    parts = [_HEAD.format(machine=said_of_machine(report))]
    if "base" in report.scenarios:
        draw(report.summary("base"), directory / "overhead.png")
        parts.append("![CPU and rate of each gateway](overhead.png)\n")
    for scenario in report.scenarios:
        summary = report.summary(scenario)
        for title, columns in TABLES[scenario].items():
            parts.append(f"## {title}\n\n{as_markdown(rows(summary, columns))}\n")
        parts += _notes(summary)
    if report.own:
        parts.append(f"{said_of_parts(report.own)}\n")
    lines = "\n".join(f"- {check}" for check in checks)
    parts.append(f"## Bounds\n\n{lines}\n")
    text = "\n".join(parts)
    (directory / "overhead.md").write_text(text, encoding="utf-8")


def _notes(summary: Summary) -> list[str]:
    notes = [f"Absent: {name}: {why}.\n" for name, why in summary.absent.items()]
    for target in summary.targets:
        if errors := summary.errors(target):
            notes.append(f"Errors of {target}: {errors}.\n")
        notes += [f"{said}.\n" for said in said_of(summary, target)]
    return notes
