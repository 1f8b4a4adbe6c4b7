"""Seeds that are spread over processes."""

import os
import signal

import pytest

from artifacts.errors import BadInput
from artifacts.evaluation.split_pool import each_seed


def killed(seed: int) -> int:
    """As the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return seed


def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"^one of 1 processes was killed: .*--workers"):
        list(each_seed(killed, (0, 1), 1))
