"""Whether a run kept its thresholds."""

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.loadtest.settings import Thresholds


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of a whole run; a percentile or rate is None if nothing was measured.
    `answers_per_s`: neither failed nor refused, of the time with all users."""

    requests: int
    failures: int
    refused: int
    answers_per_s: float | None
    p95_first_token_ms: float | None
    p95_pause_ms: float | None
    p95_answer_ms: float | None
    unanswered: int = 0  # when their user was to stop, and had waited as long as it may
    exceptions: int = 0  # of the users themselves: such requests are not counted
    lost_workers: int = 0  # they left, and what they had under way with them

    @property
    def error_rate(self) -> float:
        """Of all requests."""
        return self.failures / self.requests if self.requests else 1.0

    @property
    def refused_rate(self) -> float:
        """Of all requests: 429, because a limit or budget says so."""
        return self.refused / self.requests if self.requests else 0.0

    def __str__(self) -> str:
        """In a line."""
        rate = _number(self.answers_per_s)
        return (
            f"{self.requests} requests, {self.failures} failed, {self.refused} "
            f"refused; answers/s with all users: {rate}"
        )


def broken(outcome: Outcome, thresholds: Thresholds) -> list[str]:
    """A line for each threshold that was not kept; no run without requests is good,
    nor one of which a part is not known."""
    if outcome.exceptions:
        return [f"{outcome.exceptions} requests ended in an error of the load test"]
    if outcome.lost_workers:
        return [f"{outcome.lost_workers} workers of the load test were lost"]
    if not outcome.requests:
        return ["no request was made"]
    waiting = f"{outcome.unanswered} requests were still not answered at the end"
    return [waiting] * bool(outcome.unanswered) + [
        f"{what} is {_number(value)}, allowed {sign} {limit:g}"
        for what, value, sign, limit in _rules(outcome, thresholds)
        if value is None or (value > limit if sign == "≤" else value < limit)
    ]


def _rules(
    outcome: Outcome, thresholds: Thresholds
) -> Iterator[tuple[str, float | None, str, float]]:
    named = (
        ("error rate", outcome.error_rate, "≤", thresholds.max_error_rate),
        ("refused rate", outcome.refused_rate, "≤", thresholds.max_refused_rate),
        (
            "p95 of the first token, ms",
            outcome.p95_first_token_ms,
            "≤",
            thresholds.max_p95_first_token_ms,
        ),
        (
            "p95 of the longest pause, ms",
            outcome.p95_pause_ms,
            "≤",
            thresholds.max_p95_pause_ms,
        ),
        (
            "p95 of answers in one piece, ms",
            outcome.p95_answer_ms,
            "≤",
            thresholds.max_p95_answer_ms,
        ),
        ("answers/s", outcome.answers_per_s, "≥", thresholds.min_requests_per_s),
    )
    for what, value, sign, limit in named:
        if limit is not None:
            yield what, value, sign, limit


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"
