"""What Locust has counted of a run, of all workers together."""

from collections.abc import Sequence

from locust.env import Environment
from locust.stats import RequestStats, StatsEntry

from scripts.loadtest.entries import (
    ANSWER,
    FIRST_TOKEN,
    PAUSE,
    REFUSED,
    UNANSWERED,
    WITHIN,
)
from scripts.loadtest.judging import Outcome


def outcome_of(
    environment: Environment, counted: Sequence[int], *, lost: int, left: int
) -> Outcome:
    """The figures of the whole run, in which so many workers were `lost`, and at whose
    end so many users were `left`, of whose last requests nothing is known. `counted`:
    the seconds, in unix time, of which a rate is told."""
    stats = environment.stats
    real = [entry for (_, method), entry in stats.entries.items() if method != WITHIN]
    answered = [entry for entry in real if entry.name != REFUSED]
    return Outcome(
        requests=sum(entry.num_requests for entry in real),
        failures=sum(entry.num_failures for entry in real),
        refused=_count(stats, REFUSED),
        unanswered=_count(stats, UNANSWERED) + left,
        answers_per_s=_good_per_s(answered, counted),
        p95_first_token_ms=_p95(stats, FIRST_TOKEN, WITHIN),
        p95_pause_ms=_p95(stats, PAUSE, WITHIN),
        p95_answer_ms=_p95(stats, ANSWER, "POST"),
        exceptions=sum(each["count"] for each in environment.runner.exceptions.values())
        if environment.runner
        else 0,
        lost_workers=lost,
    )


def _good_per_s(entries: Sequence[StatsEntry], counted: Sequence[int]) -> float | None:
    if not counted:
        return None
    good = sum(
        entry.num_reqs_per_sec.get(second, 0) - entry.num_fail_per_sec.get(second, 0)
        for entry in entries
        for second in counted
    )
    return good / len(counted)


def _count(stats: RequestStats, name: str) -> int:
    entry = stats.entries.get((name, "POST"))
    return entry.num_requests if entry else 0


def _p95(stats: RequestStats, name: str, method: str) -> float | None:
    entry = stats.entries.get((name, method))
    if entry is None or not entry.num_requests:
        return None
    return float(entry.get_response_time_percentile(0.95))
