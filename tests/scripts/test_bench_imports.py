"""No benchmark is left behind by a change, nor measures what cannot be kept."""

import subprocess
import sys

from scripts.served import ROOT

_IMPORT = (
    "import importlib, sys; [importlib.import_module(each) for each in sys.argv[1:]]"
)
_REFUSED = """
import importlib, sys
for name in sys.argv[1].split():
    sys.argv = [name, "--json", "no such folder/figures.json"]
    try:
        importlib.import_module(name).main()
    except SystemExit as error:
        assert error.code == 2, name
    else:
        raise SystemExit(f"{name}: not refused")
"""
_OTHERS = (
    "scripts.overhead.__main__ scripts.overhead.soak scripts.observability.check "
    "scripts.reconfigure.__main__ scripts.scaling.simulate"
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


def test_figures_that_could_not_be_kept_are_not_measured():
    texts = {p: p.read_text("utf-8") for p in (ROOT / "scripts/bench").glob("*.py")}
    modules = [
        f"scripts.bench.{p.stem}" for p, text in texts.items() if "--json" in text
    ]
    command = [sys.executable, "-W", "ignore", "-c", _REFUSED]
    done = subprocess.run(
        [*command, f"{' '.join(modules)} {_OTHERS}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert len(modules) > 15
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("no such folder/figures.json: no such folder") == (
        len(modules) + len(_OTHERS.split())
    )
