"""How far a machine was ours."""

import subprocess
import sys
import time

import psutil

from scripts.overhead.disturbance import Others, least_disturbed, watched

# Its child works on for a while when it has ended, and is nobody's child here then.
WORK = """
import time
until = time.process_time() + 30
while time.process_time() < until: pass
"""
LEAVES = f"""
import subprocess, sys
command, nowhere = [sys.executable, "-c", {WORK!r}], subprocess.DEVNULL
print(subprocess.Popen(command, stdout=nowhere, stderr=nowhere).pid)
"""


def takes(*shares):
    samples = iter(shares)
    return lambda: next(samples)


def test_a_sample_that_is_disturbed_is_taken_again():
    assert least_disturbed(takes(0.5, 0.05), float, most=0.1, repeats=2) == 0.05


def test_of_disturbed_samples_the_least_is_kept():
    assert least_disturbed(takes(0.5, 0.2, 0.3), float, most=0.1, repeats=2) == 0.2
    assert least_disturbed(takes(0.5), float, most=0.1, repeats=0) == 0.5


def test_what_other_machines_were_given_is_taken_from_us_too():
    assert Others(foreign=0.06, stolen=0.06).taken == 0.12


def test_work_of_a_process_that_is_not_ours_is_foreign():
    done = subprocess.run(
        [sys.executable, "-c", LEAVES], capture_output=True, text=True, check=True
    )
    worker = psutil.Process(int(done.stdout))
    try:
        with watched() as others:
            used = worker.cpu_times().user
            while worker.cpu_times().user < used + 0.3:
                time.sleep(0.05)
    finally:
        worker.kill()

    assert others.foreign > 0
