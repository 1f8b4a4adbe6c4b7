"""See scripts/bench/profile."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.option_types import number, result_folder
from scripts.overhead.accounts import group, tree
from scripts.overhead.layers import layers
from scripts.overhead.own_figures import own_figures
from scripts.overhead.sampling import Case, Sample, take
from scripts.overhead.scenarios import GATEWAY, OURS, PLACED
from scripts.overhead.targets import Target, origin
from scripts.overhead.threads import Used, watched
from scripts.served import ROOT, end_when_told

_REPLICAS = ("Gateway", "Router", "OpenRouterBackend")
_RATE = 200  # samples a second: more would slow down what is looked at
_WARM_S = 4.0
_CASES = (
    Case("plain requests", 16),
    Case("50-chunk streams", 16, stream=True),
)
_NEW = Case("new questions", 16, texts=0)
_ENCODER = "encoder"
_POOLS = {"encoder": _ENCODER, "tokenizer": "tokenizer"}  # of `BatchedEncoder`
_HEAD = """# Where a routed request's processor time goes

Written by `scripts/bench/profile --docs`; do not edit.

Milliseconds of processor time per answer, 16 at a time: of each process, measured as
`scripts/bench/overhead` does, and within a replica by layer, as py-spy sees it (samples
of the thread that runs Python; each counts for the innermost layer in its stack). Of
new questions, each of which is embedded: the threads of the Embedder.
"""


@dataclass(frozen=True)
class Profile:
    """A load on a target; `shares` of each replica's layers, the greatest first."""

    target: str
    case: str
    sample: Sample
    shares: dict[str, dict[str, float]]

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """Process, layer, CPU-ms."""
        spent = self.sample.cpu_ms
        for name in sorted(spent, key=lambda each: -spent[each]):
            yield name, "", f"{spent[name]:.2f}"
            for layer, share in self.shares.get(name, {}).items():
                if share >= 0.01:
                    yield "", layer, f"{share * spent[name]:.2f}"


def main() -> None:
    """Profiles all, prints tables."""
    end_when_told()
    options = _options()
    parts = [_HEAD]
    for name in (GATEWAY, PLACED):
        with origin() as port, OURS[name](port) as target:
            for case in _CASES:
                found = profile(name, port, target, case, options.seconds)
                parts.append(_table(found))
                print(parts[-1])
            parts.append(new_questions(name, port, target, options.seconds))
            print(parts[-1])
    if options.docs:
        path = options.docs / "overhead-profile.md"
        path.write_text("\n".join(parts), encoding="utf-8")


def profile(
    name: str, port: int, target: Target, case: Case, seconds: float
) -> Profile:
    """One load, first without py-spy, then with it."""
    take(port, target, case, _WARM_S)
    sample = take(port, target, case, seconds)
    with TemporaryDirectory() as directory:
        with _watched(target, Path(directory), seconds):
            take(port, target, case, seconds + 1)
        files = sorted(Path(directory).iterdir())
        shares = {file.name: layers(file.read_text().splitlines()) for file in files}
    return Profile(name, case.name, sample, shares)


def new_questions(name: str, port: int, target: Target, seconds: float) -> str:
    """A table, and what the encoder's thread had to bear beside one that is alone."""
    alone_ms = 1e3 / own_figures(seconds / 4).encoder_rate
    take(port, target, _NEW, _WARM_S)
    with watched(_replicas(target)["Embedder"], _POOLS) as used:
        sample = take(port, target, _NEW, seconds)
    found = Profile(name, _NEW.name, sample, {"Embedder": used.shares()})
    return f"{_table(found)}\n{_beside(used, sample.answers, alone_ms)}"


def _beside(used: Used, answers: int, alone_ms: float) -> str:
    encoder = used.threads[_ENCODER]
    worked, waited = encoder.run_ms / answers, encoder.wait_ms / answers
    return (
        f"The encoder's thread works {worked:.2f} ms a question; in a loop of its own, "
        f"just before, the encoder took {alone_ms:.2f}. Others take the processor from "
        f"it {encoder.preempted / answers:.1f} times a question, and it waits "
        f"{waited:.2f} ms to have it back.\n"
    )


def _replicas(target: Target) -> dict[str, int]:
    """The process of each deployment."""
    assert target.pid is not None
    return {group(pid): pid for pid in tree([target.pid])}


@contextmanager
def _watched(target: Target, directory: Path, seconds: float) -> Iterator[None]:
    """py-spy on each replica; it writes to a file of the deployment's name."""
    found = _replicas(target)
    spies = []
    for name in _REPLICAS:
        if name in found:
            program = str(Path(sys.executable).with_name("py-spy"))
            command = [program, "record", "--gil"]
            command += ["-p", str(found[name]), "-r", str(_RATE), "-f", "raw"]
            command += ["-d", f"{seconds:.0f}", "-o", str(directory / name)]
            quiet = subprocess.DEVNULL
            spies.append(subprocess.Popen(command, cwd=ROOT, stdout=quiet))
    yield
    for spy in spies:
        if spy.wait() != 0:
            raise SystemExit("py-spy failed: it may need the right to trace processes")


def _table(found: Profile) -> str:
    sample = found.sample
    lines = [
        f"## {found.target[0].upper()}{found.target[1:]}: {found.case}\n",
        f"{sample.rate:.0f} answers/s; {sample.cpu_total_ms:.2f} CPU-ms each.\n",
        *([f"Errors: {sample.errors}.\n"] if sample.errors else []),
        "| process | layer | CPU-ms |",
        "|---|---|---|",
        *(f"| {' | '.join(line)} |" for line in found.lines()),
        "",
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench/profile")
    parser.add_argument("--seconds", type=number(1, 3600), default=8.0)
    docs = ROOT / "docs"
    parser.add_argument(
        "--docs", type=result_folder, nargs="?", const=docs, metavar="DIRECTORY"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
