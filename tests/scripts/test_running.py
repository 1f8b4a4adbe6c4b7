"""A server that a measurement needs either answers or says why it does not."""

import sys

import psutil
import pytest

from scripts.processes import free_port
from scripts.running import NotStarted, running

ASLEEP = "import time; time.sleep(60)"


def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}/"


def test_what_ends_is_told_with_its_last_words():
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]

    with (
        pytest.raises(NotStarted, match="ended: no such thing"),
        running(command, ready_url=nobody()),
    ):
        pass


def test_what_does_not_answer_in_time_is_told_and_stopped():
    command = [sys.executable, "-c", ASLEEP]

    with (
        pytest.raises(NotStarted, match=r"no answer in 0\.2 s"),
        running(command, ready_url=nobody(), start_s=0.2),
    ):
        pass

    commands = [child.cmdline() for child in psutil.Process().children()]
    assert not any(ASLEEP in command for command in commands)
