"""Reports made of literal figures."""

from scripts.overhead.plan import Plan
from scripts.overhead.report import Report
from scripts.overhead.rounds import Figures
from scripts.overhead.sampling import Sample


def sample(  # noqa: PLR0913  (one figure each)
    rate=100.0, cpu=3.0, p50=8.0, foreign=0.0, errors=None, answers=10_000
):
    return Sample(
        answers=answers,
        rate=rate,
        p50_ms=p50,
        p99_ms=p50 * 2,
        first_token_p50_ms=p50,
        first_token_p99_ms=p50,
        cpu_ms={"Gateway": cpu - 1, "HAProxy": 0.25, "Ray's own": 0.75},
        client_cores=0.1,
        foreign=foreign,
        stolen=0.0,
        errors=errors or {},
    )


def report(**targets):
    """A report of the scenario `base`: samples by case, by target."""
    figures = {name: Figures(samples=cases) for name, cases in targets.items()}
    return Report(Plan(), "a machine", {"base": figures})
