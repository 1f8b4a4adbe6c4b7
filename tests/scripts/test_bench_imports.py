"""No benchmark is left behind by a change of what it measures."""

import subprocess
import sys

from scripts.served import ROOT

_IMPORT = (
    "import importlib, sys; [importlib.import_module(each) for each in sys.argv[1:]]"
)


def test_every_benchmark_finds_all_that_it_names():
    paths = sorted((ROOT / "scripts/bench").glob("*.py"))
    modules = [f"scripts.bench.{path.stem}" for path in paths]
    # In a process of its own: some import Ray.
    command = [sys.executable, "-W", "ignore", "-c", _IMPORT, *modules]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert len(modules) > 20
    assert done.returncode == 0, done.stderr
