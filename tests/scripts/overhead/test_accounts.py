import os
import shutil
import subprocess
import sys

import pytest

from scripts.overhead.accounts import cpu_ms, group, pss_mib, tree

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


@pytest.fixture
def sleeper():
    """A shell with a child of its own."""
    command = ["sh", "-c", "sleep 60 & echo started; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        for pid in tree([process.pid]):
            os.kill(pid, 15)


def test_a_tree_holds_the_children(sleeper):
    assert len(tree([sleeper.pid])) == 2


def test_what_is_not_there_is_an_empty_tree():
    assert tree([2**22 + 1]) == {}


def test_the_time_of_a_child_that_has_ended_counts():
    before = sum(cpu_ms([os.getpid()]).values())

    subprocess.run([sys.executable, "-c", BURN], check=True)

    assert sum(cpu_ms([os.getpid()]).values()) - before >= 290


def test_memory_is_told_by_program(sleeper):
    sizes = pss_mib([sleeper.pid])

    assert set(sizes) == {"sh", "sleep"}
    assert min(sizes.values()) > 0


@pytest.mark.parametrize(
    ("program", "told"), [("haproxy", "HAProxy"), ("sleep", "sleep")]
)
def test_a_program_in_a_path_with_spaces_is_told_by_its_name(tmp_path, program, told):
    (folder := tmp_path / "my projects").mkdir()
    shutil.copy(shutil.which("sh"), folder / program)
    command = [folder / program, "-c", "echo started; read end"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        process.stdout.readline()

        assert group(process.pid) == told


@pytest.mark.parametrize("method", ["", ".check_health", ".check_health   "])
def test_a_replica_is_told_by_its_deployment_whatever_it_does(method):
    name = f"ray::ServeReplica:app:vLLM:qwen3.5-x{method}"
    command = [name, "-c", "echo started; read end"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, executable="sh", stdin=pipe, stdout=pipe) as process:
        # Before that, /proc may not know its command line yet.
        process.stdout.readline()
        told = group(process.pid)

    assert told == "vLLM:qwen3.5-x"
