"""The cases of the main scenario, and how long each lasts."""

from dataclasses import dataclass

from scripts.overhead.disturbance import MOST_TAKEN
from scripts.overhead.sampling import Case

DIRECT = "direct"  # no gateway at all
CONNECTIONS = (1, 16, 64)
RATES = (50.0, 200.0)  # open loop, requests a second
CHUNK_GAP_MS = 20.0  # a model that writes 50 tokens a second
# A rate counts what has ended when a sample is over: of streams through slow gateways,
# and of those that take a second by themselves, that is little of a short one.
LEAST_S = 4.0
PACED = Case(
    "paced stream c=64",
    64,
    stream=True,
    chunk_gap_ms=CHUNK_GAP_MS,
    least_s=LEAST_S,
)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 3.0
    warm_s: float = 3.0
    most_foreign: float = MOST_TAKEN  # a sample with more is disturbed, and repeated
    repeats: int = 1

    def window_s(self, case: Case) -> float:
        """How long a sample of it is taken."""
        return max(self.seconds, case.least_s)


QUICK = Plan(rounds=1, seconds=0.5, warm_s=0.5, repeats=0)
WARM_UP = (Case("warm-up", 16), Case("warm-up of streams", 16, stream=True))


def base_cases() -> list[Case]:
    """Every load of the main table."""
    cases = [
        Case(f"plain c={number} {delay:g} ms", number, delay_ms=delay)
        for delay in (0.0, 50.0)
        for number in CONNECTIONS
    ]
    cases += [Case(f"open {rate:g}/s", rate=rate) for rate in RATES]
    cases += [
        Case(f"stream c={number}", number, stream=True, least_s=LEAST_S)
        for number in CONNECTIONS
    ]
    return [*cases, PACED]
