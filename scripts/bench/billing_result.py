"""What requests were billed, beside what the upstream charged for them."""

from dataclasses import asdict, dataclass

from deployments.usage.record import UsageRecord
from scripts.bench.asking import Question, Seen
from scripts.bench.fault_result import SAME_USD, lost_usd, told_right
from scripts.upstream.ledger import Entry

_SHOWN = 12


@dataclass(frozen=True)
class Bill:
    """One request: what its client saw, what was recorded, what was charged."""

    question: Question
    seen: Seen
    records: list[UsageRecord]
    entries: list[Entry]

    @property
    def charged_usd(self) -> float:
        return sum(entry.charged_usd for entry in self.entries)

    @property
    def unknown_usd(self) -> float:
        """The part of it that the gateway cannot learn: see `lost_usd`; and over HTTP/2
        a whole answer that came together with the end of its connection, which other
        answers share. httpcore reads the end first."""
        lost = lost_usd(self.entries)
        missing = self.charged_usd - lost - self.recorded_usd
        failed = any(r.failures or r.status == "failed" for r in self.records)
        dropped = (
            entry.charged_usd
            for entry in self.entries
            if failed and entry.protocol == "HTTP/2" and not entry.streamed
        )
        return lost + next((u for u in dropped if abs(u - missing) < SAME_USD), 0.0)

    @property
    def recorded_usd(self) -> float:
        """As far as it is known."""
        return sum(map(_known_usd, self.records))

    @property
    def kind(self) -> str:
        """A row of the table."""
        mode = "stream" if self.question.body["stream"] else "unary"
        fault = "fault" if "fault" in self.question.body["metadata"] else "no fault"
        ends = {"error": "error", "left": "client left", "cut": "cut"}
        end = ends.get(self.seen.ended, "answered")
        if end == "answered" and self.seen.n_failures:
            end = "answered after a failure"
        return f"{mode}, {fault}, {end}"

    def wrong(self) -> str | None:
        """Why this request is not billed as it should be."""
        if len(self.records) != 1:
            return f"{len(self.records)} records"
        record = self.records[0]
        known_usd = self.charged_usd - self.unknown_usd
        if abs(self.recorded_usd - known_usd) > SAME_USD:
            what = f"recorded {self.recorded_usd:.6f} ({record.cost_source})"
            return f"{what}, charged {known_usd:.6f}"
        if self.unknown_usd and record.cost_usd == 0.0:
            return "what is unknown is recorded as nothing"
        if not told_right(self.seen, self.entries):
            return f"the client was told {self.seen.cost_usd}"
        return None


def _known_usd(record: UsageRecord) -> float:
    return record.failed_cost_usd if record.cost_usd is None else record.cost_usd


def show(bills: list[Bill]) -> None:
    """Sums by kind, then what is wrong."""
    heads = ("requests", "told USD", "recorded", "charged", "unknown", "wrong")
    print(f"{'':44}" + "".join(f"{head:>12}" for head in heads))
    kinds = sorted({bill.kind for bill in bills})
    for kind in [*kinds, "all"]:
        of = [bill for bill in bills if kind in {bill.kind, "all"}]
        told = sum(bill.seen.cost_usd or 0.0 for bill in of)
        figures = (told, *sums(of))
        wrong = sum(bill.wrong() is not None for bill in of)
        cells = "".join(f"{usd:12.6f}" for usd in figures)
        print(f"{kind:44}{len(of):12}{cells}{wrong:12}")
    wrong_bills = [bill for bill in bills if bill.wrong()]
    for bill in wrong_bills[:_SHOWN]:
        fault = bill.question.body["metadata"].get("fault", "")
        print(f"  {bill.question.id} {bill.kind} {fault}: {bill.wrong()}")
    if len(wrong_bills) > _SHOWN:
        print(f"  … and {len(wrong_bills) - _SHOWN} more")


def sums(bills: list[Bill]) -> tuple[float, float, float]:
    """Recorded; charged; and the part of it that nobody can ask for."""
    return (
        sum(bill.recorded_usd for bill in bills),
        sum(bill.charged_usd for bill in bills),
        sum(bill.unknown_usd for bill in bills),
    )


def report(bills: list[Bill]) -> dict[str, object]:
    recorded, charged, unknown = sums(bills)
    return {
        "requests": len(bills),
        "records": sum(len(bill.records) for bill in bills),
        "upstream_requests": sum(len(bill.entries) for bill in bills),
        "recorded_usd": recorded,
        "charged_usd": charged,
        "unknown_usd": unknown,
        "wrong": [
            {"id": bill.question.id, "why": why, "seen": asdict(bill.seen)}
            for bill in bills
            if (why := bill.wrong())
        ],
    }
