"""Seeds that are spread over processes."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from artifacts.errors import BadInput
from artifacts.evaluation.split_pool import each_seed

ROOT = Path(__file__).parents[3]
MAIN = (
    "from artifacts.evaluation.split_pool import each_seed\n"
    "from tests.artifacts.evaluation.test_split_pool import holding\n"
    "list(each_seed(holding, (0,), 1))"
)
_PATIENCE_S = 60.0


def killed(seed: int) -> int:
    """As the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return seed


def holding(seed: int) -> int:
    """Lock the file $HELD, which says by whom, until the process ends."""
    with Path(os.environ["HELD"]).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{os.getpid()}\n")
        file.flush()
        time.sleep(10 * _PATIENCE_S)
    return seed


def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"^one of 1 processes was killed: .*--workers"):
        list(each_seed(killed, (0, 1), 1))


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.touch()
    main = subprocess.Popen(
        [sys.executable, "-c", MAIN],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HELD": str(held)},
    )
    try:
        started = within(_PATIENCE_S, lambda: held.read_text().endswith("\n"))
    finally:
        main.kill()
        main.wait()

    assert started
    try:
        assert within(_PATIENCE_S, lambda: is_free(held))
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(held.read_text()), signal.SIGKILL)


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def is_free(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
