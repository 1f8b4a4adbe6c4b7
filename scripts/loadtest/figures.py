"""What Locust has counted of a run, of all workers together."""

from locust.env import Environment
from locust.runners import MasterRunner, Runner
from locust.stats import RequestStats

from scripts.loadtest.judging import Outcome

# Names in Locust's tables. The last two are times within answers, not requests.
ANSWER, STREAM, REFUSED = "answer in one piece", "stream", "refused (429)"
FIRST_TOKEN, PAUSE = "first token", "longest pause"
WITHIN = "within"


def lost_workers(runner: Runner | None, before: frozenset[str]) -> frozenset[str]:
    """Who does not answer any more, of now and of `before`: Locust forgets them after a
    while. One that answers again is none of them."""
    if not isinstance(runner, MasterRunner):
        return before
    silent = {worker.id for worker in runner.clients.missing}
    return (before | silent) - (runner.clients.keys() - silent)


def outcome_of(environment: Environment, *, lost: int) -> Outcome:
    """The figures of the whole run, in which so many workers were lost."""
    stats = environment.stats
    real = [entry for (_, method), entry in stats.entries.items() if method != WITHIN]
    requests = sum(entry.num_requests for entry in real)
    seconds = max(1e-9, (stats.last_request_timestamp or 0) - (stats.start_time or 0))
    return Outcome(
        requests=requests,
        failures=sum(entry.num_failures for entry in real),
        refused=_count(stats, REFUSED),
        requests_per_s=requests / seconds,
        p95_first_token_ms=_p95(stats, FIRST_TOKEN, WITHIN),
        p95_pause_ms=_p95(stats, PAUSE, WITHIN),
        p95_answer_ms=_p95(stats, ANSWER, "POST"),
        exceptions=sum(each["count"] for each in environment.runner.exceptions.values())
        if environment.runner
        else 0,
        lost_workers=lost,
    )


def _count(stats: RequestStats, name: str) -> int:
    entry = stats.entries.get((name, "POST"))
    return entry.num_requests if entry else 0


def _p95(stats: RequestStats, name: str, method: str) -> float | None:
    entry = stats.entries.get((name, method))
    if entry is None or not entry.num_requests:
        return None
    return float(entry.get_response_time_percentile(0.95))
