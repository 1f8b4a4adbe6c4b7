"""The fault table as a page: two ways of asking side by side, one line for the rest."""

from collections.abc import Iterable

from scripts.bench.fault_result import Result, lost_usd, saw

_HEAD = """\
# What happens when an upstream fails

Printed by `scripts/bench/faults --markdown docs/faults.md`, which exits with 0 only if
every row is as designed: the real graph, and behind it an upstream that fails as it is
told to (`scripts/upstream`), over real sockets.

*auto*: two models may answer, and the first has the fault. *named*: the client named
the model, and there is no other. In each cell: what the client saw; after how many
seconds; the cost recorded / charged by the upstream, in millionths of a USD (–: none is
recorded). "Unknown": charged for an answer whose id never came, so that nobody can ask
for its cost. Timeouts are short here: 1 s to the first token and between tokens, 2.5 s
in all. ×1: the fault strikes only once.
"""
_COLUMNS = "| fault | strikes | mode | auto | named |\n|---|---|---|---|---|"


def page(results: dict[str, list[Result]]) -> str:
    """All rows of the first protocol; of the others those that end differently."""
    (first, known), *others = results.items()
    parts = [_HEAD, f"## {first}\n", _table(known)]
    ends = {result.row.label: _end(result) for result in known}
    for protocol, found in others:
        differ = [r for r in found if ends.get(r.row.label) != _end(r)]
        parts += [f"## {protocol}: where it differs\n", _table(differ)]
    return "\n".join(parts)


def _table(results: Iterable[Result]) -> str:
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for result in results:
        row = result.row
        cells = lines.setdefault((row.name, row.phase.value, row.mode), {})
        cells[row.way] = _cell(result)
    rows = (
        f"| {' | '.join(key)} | {cells.get('auto', '')} | {cells.get('named', '')} |"
        for key, cells in lines.items()
    )
    return "\n".join([_COLUMNS, *rows, ""])


def _cell(result: Result) -> str:
    record = result.record
    recorded = _millionths(record.cost_usd if record else None)
    charged = _millionths(result.charged_usd)
    lost = lost_usd(result.entries)
    unknown = f", {_millionths(lost)} of it unknown" if lost else ""
    wrong = "; ".join(result.wrong())
    return (
        f"{saw(result)}; {result.seen.took_s:.1f} s; {recorded} / {charged}{unknown}"
        + (f" **wrong: {wrong}**" if wrong else "")
    )


def _end(result: Result) -> tuple[str, bool]:
    return saw(result), lost_usd(result.entries) > 0


def _millionths(cost_usd: float | None) -> str:
    return "–" if cost_usd is None else f"{cost_usd * 1e6:.0f}"
