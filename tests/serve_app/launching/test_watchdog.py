"""What a launcher leaves behind that is killed, or that ends as it should: nothing."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from serve_app.launching.processes import MARK
from serve_app.launching.watchdog import watched

# It starts a process with the mark, and that one a child which has lost it.
LAUNCHER = """
import subprocess, sys
from pathlib import Path
from serve_app.launching.watchdog import watched

with watched("test-mark", Path(sys.argv[1])):
    command = ["sh", "-c", "env -i sleep 3600 & echo $!; wait"]
    marked = subprocess.Popen(command, env={"AVENGERS_CLUSTER": "test-mark"})
    marked.wait()
"""


def test_what_a_killed_launcher_started_is_ended(tmp_path: Path) -> None:
    directory = tmp_path / "cluster"
    directory.mkdir()
    command = [sys.executable, "-c", LAUNCHER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        unmarked = psutil.Process(int(launcher.stdout.readline()))
        family = psutil.Process(launcher.pid).children(recursive=True)
        assert unmarked in family
        launcher.kill()
        launcher.stdout.close()

    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    assert not directory.exists()


def test_it_ends_with_the_block_and_harms_nobody_else(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "3600"], env=os.environ | {MARK: "another"})
    with watched("test-mark", tmp_path / "none"):
        [watchdog] = [
            process
            for process in psutil.Process().children()
            if "serve_app.launching.watchdog" in process.cmdline()
        ]

        assert os.getsid(watchdog.pid) != os.getsid(0)  # no Ctrl-C comes to it

    assert not watchdog.is_running()
    assert other.poll() is None
    other.kill()
    other.wait()


def test_what_lies_where_it_is_started_is_not_taken_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "serve_app"
    package.mkdir()
    (package / "__init__.py").write_text("open('taken', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    with watched("test-mark", tmp_path / "none"):
        pass

    assert not (tmp_path / "taken").exists()
