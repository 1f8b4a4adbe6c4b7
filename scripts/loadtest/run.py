"""See scripts/loadtest/run."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from artifacts.errors import BadInput
from scripts.loadtest.graph import Target, local_graph
from scripts.loadtest.keys import KeyFileError, callers
from scripts.loadtest.profiles import DEFAULTS, PROFILES
from scripts.loadtest.questions import questions
from scripts.loadtest.settings import ENDED_EARLY, Settings, Thresholds
from scripts.option_types import number, result_folder, url, whole
from scripts.records import zeroeval_if_there
from scripts.served import ROOT, end_when_told

_LOCUSTFILE = ROOT / "scripts/loadtest/locustfile.py"
_CSV = "run"
_WAIT_S = 30.0  # for requests under way at the end


def main(arguments: Sequence[str] | None = None) -> int:
    """Locust's exit code: 0 only if every threshold was kept."""
    end_when_told()
    given = list(sys.argv[1:] if arguments is None else arguments)
    given = ["--help" if argument == "--options" else argument for argument in given]
    own, theirs = _split(given)
    parser = _parser()
    options = parser.parse_args(own)
    if options.keys and not options.host:
        parser.error("--keys: the gateway started here has keys of its own")
    try:
        if options.queries:  # told before the run, not by each of Locust's processes
            questions(options.queries, options.seed)
        with _target(options) as target:
            return _load(options, target, theirs)
    except (KeyFileError, BadInput) as error:
        print(error, file=sys.stderr)
        return 2


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """Before and after `--`."""
    at = given.index("--") if "--" in given else len(given)
    return given[:at], given[at + 1 :]


@contextmanager
def _target(options: argparse.Namespace) -> Iterator[Target]:
    if options.host is None:
        pace = {
            "first_token_s": options.first_token_s,
            "tokens_per_s": options.tokens_per_s,
        }
        with local_graph(pace) as target:
            yield target
        return
    for caller in callers(options.keys):
        assert caller.key  # missing ones are told before the run, not in it
    yield Target(options.host, options.keys, {})


def _load(options: argparse.Namespace, target: Target, theirs: list[str]) -> int:
    report: Path = options.report
    report.mkdir(parents=True, exist_ok=True)
    settings = _settings(options, target)
    command = [sys.executable, "-m", "locust", "--locustfile", str(_LOCUSTFILE)]
    command += ["--host", target.url, "--only-summary"]
    command += ["--stop-timeout", f"{_WAIT_S:g}"]
    command += ["--html", str(report / "report.html"), "--csv", str(report / _CSV)]
    command += ["--csv-full-history"]
    if options.web:
        command += ["--web-host", "127.0.0.1", "--web-port", str(options.web_port)]
    else:
        command += ["--headless"]
    if options.processes:
        command += ["--processes", str(options.processes)]
    environment = os.environ | settings.in_environment() | target.environment
    code = _run([*command, *theirs], environment)
    print(
        f"report: {report / 'report.html'}; picture: scripts/loadtest/picture {report}"
    )
    return code


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Locust's exit code. Ctrl-C reaches Locust, too, which ends the run by itself: its
    report and its verdict are waited for. Else it ends early if its workers leave."""
    wanted = False
    with subprocess.Popen(command, env=environment, cwd=ROOT) as locust:
        while True:
            try:
                code = locust.wait()
                break
            except KeyboardInterrupt:
                wanted = True
            except BaseException:  # told to end
                locust.terminate()
                raise
    if code != ENDED_EARLY or wanted:
        return 0 if code == ENDED_EARLY else code
    print("the run ended before its time: are its workers gone?", file=sys.stderr)
    return 1


def _settings(options: argparse.Namespace, target: Target) -> Settings:
    users, seconds = DEFAULTS[options.profile]
    queries = options.queries or zeroeval_if_there()
    limits = {field.name: getattr(options, field.name) for field in fields(Thresholds)}
    if not options.stream_share:
        limits |= {"max_p95_first_token_ms": None, "max_p95_pause_ms": None}
    return Settings(
        profile=options.profile,
        users=options.users or users,
        seconds=options.seconds or seconds,
        think_s=options.think_s,
        stream_share=options.stream_share,
        queries=str(queries) if queries else None,
        keys=str(target.keys) if target.keys else None,
        seed=options.seed,
        thresholds=Thresholds(**limits),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/loadtest/run",
        description="Load with Locust. What goes after `--` is Locust's own options: "
        "--master, --worker --master-host HOST, --expect-workers N, …",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", type=url, help="URL of a running gateway; None: one is started here")
    keys = "file of keys, with --host; None: the key in AVENGERS_KEY"
    add("--keys", type=_path, help=keys)
    add("--profile", choices=PROFILES, default="steady")
    add("--users", type=whole(1, 1_000_000), help="None: the profile's")
    add("--seconds", type=number(1, 10**7), help="None: the profile's")
    pause = "mean pause between requests"
    add("--think-s", type=number(0, 86_400), default=1.0, help=pause)
    add("--stream-share", type=number(0, 1), default=0.7)
    add(
        "--queries",
        type=_path,
        help="records, JSON lines or texts; None: those of "
        "AVENGERS_DATA, else made up with a lognormal length",
    )
    add("--seed", type=int, default=0)
    add("--processes", type=int, help="so many Locust workers on this machine")
    add("--web", action="store_true", help="Locust's web UI on 127.0.0.1")
    add("--web-port", type=whole(1, 65_535), default=8089)
    add("--report", type=_folder, default=ROOT / "var/loadtest", help="folder")
    of_ours = "of the local simulator"
    add("--first-token-s", type=number(0, 3600), default=0.15, help=of_ours)
    add("--tokens-per-s", type=number(0.01, 1e9), default=200.0, help=of_ours)
    _add_thresholds(parser)
    return parser


def _add_thresholds(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("thresholds (a number below 0: not asked for)")
    default = Thresholds()
    for field in fields(Thresholds):
        group.add_argument(
            "--" + field.name.replace("_", "-"),
            type=_limit,
            default=getattr(default, field.name),
            metavar="N",
        )


def _path(text: str) -> Path:
    """Of where the command is given: Locust is started elsewhere."""
    return Path(text).absolute()


def _folder(text: str) -> Path:
    """The same, and it is there."""
    return result_folder(text).absolute()


def _limit(text: str) -> float | None:
    value = number(-1e12, 1e12)(text)
    return None if value < 0 else value


if __name__ == "__main__":
    sys.exit(main())
