"""See scripts/bench/beside."""

import argparse
import json
import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.option_types import number, result_file, whole
from scripts.overhead.load_process import LoadFailed
from scripts.overhead.plan import WARM_UP
from scripts.overhead.sampling import Case, Sample, take
from scripts.overhead.scenarios import CHANGES, GATEWAY, PLACED
from scripts.overhead.targets import Target, gateway, origin
from scripts.running import NotStarted
from scripts.served import ROOT, end_when_told

THIS, OTHER = "this", "other"
CASES = (
    Case("plain c=1", 1),
    Case("plain c=16", 16),
    Case("plain c=64", 64),
    Case("stream c=16", 16, stream=True),
)
FIGURES: Mapping[str, Callable[[Sample], float]] = {
    "CPU-ms": lambda sample: sample.cpu_total_ms,
    "answers/s": lambda sample: sample.rate,
    "p50 ms": lambda sample: sample.p50_ms,
}
_WARM_S = 3.0

# Samples of each case by checkout: those of the same place were taken one after the
# other.
Samples = dict[str, dict[str, list[Sample]]]


def main() -> None:
    end_when_told()
    options = _options()
    samples: Samples = {case.name: {OTHER: [], THIS: []} for case in CASES}
    with ExitStack() as stack:
        origin_port = stack.enter_context(origin())
        change = CHANGES[PLACED if options.placed else GATEWAY]
        try:
            targets = {
                name: stack.enter_context(gateway(change, root=root)(origin_port))
                for name, root in ((OTHER, options.checkout), (THIS, ROOT))
            }
            for target in targets.values():
                for case in WARM_UP:
                    take(origin_port, target, case, _WARM_S)
            for place in range(options.rounds):
                print(f"round {place + 1} of {options.rounds}", flush=True)
                _round(origin_port, targets, place, options.seconds, samples)
        except (NotStarted, LoadFailed) as error:
            raise SystemExit(f"error: {error}") from None
    if options.json:
        options.json.write_text(json.dumps(_as_json(samples)), encoding="utf-8")
    Console().print(_table(samples))
    print(_errors(samples), end="")


def _round(
    origin_port: int,
    targets: Mapping[str, Target],
    place: int,
    seconds: float,
    samples: Samples,
) -> None:
    """Each begins every other time: the machine may slow down within a round, too."""
    order = list(targets)[:: 1 if place % 2 else -1]
    for case in CASES:
        for name in order:
            sample = take(origin_port, targets[name], case, seconds)
            samples[case.name][name].append(sample)


def ratios(this: Sequence[float], other: Sequence[float]) -> tuple[float, ...]:
    """Of figures of samples taken one after the other: low quartile, median and high
    quartile; nothing where no pair has both figures."""
    pairs = zip(this, other, strict=True)
    found = [a / b for a, b in pairs if math.isfinite(a) and math.isfinite(b) and b]
    if len(found) < 2:
        return tuple(found * 3)
    return tuple(statistics.quantiles(found, n=4, method="inclusive"))


def _table(samples: Samples) -> Table:
    table = Table("", "", OTHER, THIS, "ratio", "quartiles")
    for case, by_checkout in samples.items():
        for name, figure in FIGURES.items():
            this, other = ([figure(s) for s in by_checkout[w]] for w in (THIS, OTHER))
            row = [f"{statistics.median(each):,.2f}" for each in (other, this)]
            if found := ratios(this, other):
                low, middle, high = found
                row += [f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
            table.add_row(case, name, *row)
    return table


def _errors(samples: Samples) -> str:
    """What went wrong in how many requests, by checkout."""
    found: dict[str, Counter[str]] = {THIS: Counter(), OTHER: Counter()}
    for by_checkout in samples.values():
        for name, each in by_checkout.items():
            for sample in each:
                found[name].update(sample.errors)
    return "".join(f"{name}: errors {dict(e)}\n" for name, e in found.items() if e)


def _as_json(samples: Samples) -> dict[str, dict[str, list[dict[str, object]]]]:
    return {
        case: {name: list(map(asdict, each)) for name, each in by_checkout.items()}
        for case, by_checkout in samples.items()
    }


def _checkout(text: str) -> Path:
    path = Path(text).resolve()
    if not (path / "scripts/serve").is_file():
        raise argparse.ArgumentTypeError(f"{text}: no scripts/serve in it")
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench/beside")
    parser.add_argument("checkout", type=_checkout, metavar="CHECKOUT")
    parser.add_argument("--placed", action="store_true")
    parser.add_argument("--rounds", type=whole(1, 1000), default=12)
    parser.add_argument("--seconds", type=number(0.1, 3600), default=1.5)
    parser.add_argument("--json", type=result_file, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
