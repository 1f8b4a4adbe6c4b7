"""What a process used, by the names that Python gives its threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.overhead.threads import REST, Thread, Used, watched

# Works in a thread of a pool, for as long as its input is open.
BUSY = """
import sys
from concurrent.futures import ThreadPoolExecutor
over = []
def work():
    print("started", flush=True)
    while not over:
        sum(range(10_000))
with ThreadPoolExecutor(1, thread_name_prefix="encoder") as pool:
    pool.submit(work)
    sys.stdin.read()
    over.append(True)
"""


def traceable(pid):
    program = Path(sys.executable).with_name("py-spy")
    told = subprocess.run([program, "dump", "-p", str(pid)], capture_output=True)
    return told.returncode == 0


@pytest.fixture
def busy():
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        if not traceable(process.pid):
            pytest.skip("this system lets no process trace another")
        yield process
        process.stdin.close()


def spends(pid, ms):
    """Until all threads of the process have used so much."""
    tick_ms = 1e3 / os.sysconf("SC_CLK_TCK")
    used = 0.0
    first = None
    while first is None or used - first < ms:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used = (int(fields[11]) + int(fields[12])) * tick_ms
        first = used if first is None else first


def test_the_thread_that_works_has_the_time(busy):
    with watched(busy.pid, {"encoder": "the encoder"}) as used:
        spends(busy.pid, 200)

    assert used.threads["the encoder"].run_ms > 100
    assert used.threads[REST].run_ms < used.threads["the encoder"].run_ms
    assert list(used.shares()) == ["the encoder", REST]


def test_threads_of_no_pool_are_one(busy):
    with watched(busy.pid, {"tokenizer": "the tokenizer"}) as used:
        spends(busy.pid, 50)

    assert list(used.threads) == [REST]


def test_shares_are_of_the_processor_time():
    used = Used({REST: Thread(1.0, 50.0, 9), "encoder": Thread(3.0, 0.0, 0)})

    assert used.shares() == {"encoder": 0.75, REST: 0.25}
