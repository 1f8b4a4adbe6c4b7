"""What one row of the fault table did, and whether that is as designed."""

from dataclasses import asdict, dataclass

from deployments.usage.record import UsageRecord
from scripts.bench.asking import Seen
from scripts.bench.fault_rows import Row
from scripts.bench.upstream_graph import MODELS, TIMEOUTS
from scripts.upstream.ledger import Entry

SAME_USD = 5e-10  # sums of the same products in another order
_SLACK_S = 5.0  # for a loaded machine, over what the timeouts add up to
_LEFT_S = 1.0


def told_right(seen: Seen, entries: list[Entry]) -> bool:
    """Whether the cost that the client was told, if any, is that of its answer.

    What failed attempts were charged is known later, and only recorded.
    """
    charged = [entry.charged_usd for entry in entries if entry.outcome == "answered"]
    told = seen.cost_usd
    return told is None or any(abs(told - usd) < SAME_USD for usd in charged)


def lost_usd(entries: list[Entry]) -> float:
    """What was charged for answers whose id never came: nobody can ask for that."""
    return sum(entry.charged_usd for entry in entries if not entry.named)


@dataclass(frozen=True)
class Result:
    """A row, what the client saw, what was recorded, and what is wrong with it."""

    row: Row
    seen: Seen
    records: list[UsageRecord]
    entries: list[Entry]
    first: str  # the model that was asked first
    left_at: float  # unix time at which the client had its answer, or hung up

    @property
    def charged_usd(self) -> float:
        return sum(entry.charged_usd for entry in self.entries)

    @property
    def record(self) -> UsageRecord | None:
        """The one record, if there is exactly one."""
        return self.records[0] if len(self.records) == 1 else None

    def settled(self) -> bool:
        """Whether what is recorded is what was charged, as far as that can be known.

        None stands for nothing: where something was charged it is wrong.
        """
        if self.record is None:
            return False
        known_usd = self.charged_usd - lost_usd(self.entries)
        return abs((self.record.cost_usd or 0.0) - known_usd) < SAME_USD

    def wrong(self, *, timed: bool = True) -> list[str]:
        """Everything that is not as designed."""
        slow = self._wrong_time() if timed else []
        return [*self._wrong_answer(), *self._wrong_record(), *slow]

    def _wrong_answer(self) -> list[str]:
        seen, expected, row = self.seen, self.row.expected, self.row
        other = next(model for model in MODELS if model != self.first)
        ended = {"refused": "error", "broken": "error", "left": "left"}
        wanted: dict[str, object] = {
            "status": 0 if row.leave_s else expected.status,
            "ended": ended.get(expected.end, "whole"),
            "code": expected.code,
        }
        if expected.status == 200 and not row.leave_s:
            wanted["model"] = other if expected.end == "other" else self.first
            if expected.end != "recovered":
                wanted["n_failures"] = int(expected.end in {"other", "retried"})
        found = [
            f"{name} is {getattr(seen, name)}, not {value}"
            for name, value in wanted.items()
            if getattr(seen, name) != value
        ]
        wait_s, wanted_s = seen.retry_after_s, expected.retry_after_s
        if wanted_s is not None and (wait_s is None or abs(wait_s - wanted_s) > 1.5):
            found.append(f"Retry-After is {wait_s}, not {wanted_s}")
        return found

    def _wrong_record(self) -> list[str]:
        record = self.record
        if record is None:
            return [f"{len(self.records)} usage records"]
        ends = {"refused": "failed", "broken": "failed", "left": "cancelled"}
        found = []
        if record.status != ends.get(self.row.expected.end, "answered"):
            found.append(f"recorded as {record.status}")
        if not self.settled():
            found.append(f"recorded {_usd(record.cost_usd)} of {self.charged_usd:.6f}")
        lost = lost_usd(self.entries) > 0
        if lost != self.row.expected.loses:
            found.append(f"what was charged is {'unknown' if lost else 'known'}")
        if not told_right(self.seen, self.entries):
            found.append("the client was told another cost")
        return found

    def _wrong_time(self) -> list[str]:
        found = []
        if self.seen.took_s > 3 * TIMEOUTS["total_s"] + _SLACK_S:
            found.append(f"took {self.seen.took_s:.1f} s")
        for entry in self.entries:
            late_s = entry.ended - self.left_at
            if entry.outcome is None:
                found.append("the upstream still answers")
            elif self.row.leaves and late_s > _LEFT_S:
                found.append(f"the upstream noticed {late_s:.1f} s later")
        return found


_TITLES = (
    "fault",
    "strikes",
    "mode",
    "model",
    "the client saw",
    "failed",
    "took s",
    "told USD",
    "recorded",
    "USD",
    "charged",
    "",
)


def show_results(results: list[Result]) -> None:
    """The table."""
    table = [list(_TITLES), *map(_cells, results)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _cells(result: Result) -> list[str]:
    row, seen, record = result.row, result.seen, result.record
    return [
        row.name,
        row.phase.value,
        row.mode,
        row.way,
        saw(result),
        seen.fallbacks.partition(";")[0] or "–",
        f"{seen.took_s:.2f}",
        _usd(seen.cost_usd),
        record.status if record else f"{len(result.records)} records",
        _usd(record.cost_usd if record else None),
        f"{result.charged_usd:.6f}" + _unknown(result),
        "; ".join(result.wrong()) or "as designed",
    ]


def saw(result: Result) -> str:
    """What the client saw, in words."""
    seen = result.seen
    if seen.ended == "whole":
        if seen.model != result.first:
            return "answered by the other model"
        return "answered, asked again" if seen.n_failures else "answered"
    if seen.ended == "error" and seen.status != 200:
        return f"{seen.status} {seen.code}"
    ends = {"error": f"error event {seen.code}", "left": "(hung up)"}
    what = ends.get(seen.ended, f"the stream just ends {seen.code or ''}")
    return f"{seen.tokens} tokens, {what}"


def _unknown(result: Result) -> str:
    lost = lost_usd(result.entries)
    return f" ({lost:.6f} unknown)" if lost else ""


def _usd(cost_usd: float | None) -> str:
    return "–" if cost_usd is None else f"{cost_usd:.6f}"


def result_json(protocol: str, results: list[Result]) -> list[dict[str, object]]:
    """The rows for a script to read."""
    return [
        {
            "protocol": protocol,
            "fault": result.row.fault,
            "strikes": result.row.phase.value,
            "mode": result.row.mode,
            "model": result.row.way,
            "seen": asdict(result.seen),
            "records": [asdict(record) for record in result.records],
            "charged_usd": result.charged_usd,
            "wrong": result.wrong(),
        }
        for result in results
    ]
