"""The commands in scripts/: what they run, and where."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
# What runs in the root of the repository, and takes no files of the caller's.
AT_ROOT = {"build-default-artifact", "check", "check-image", "lock", "serve", "test"}
WRAPPERS = sorted(
    str(path.relative_to(SCRIPTS))
    for folder in (".", "bench", "loadtest")
    for path in (SCRIPTS / folder).iterdir()
    if path.is_file() and not path.suffix and path.name not in AT_ROOT
)
# Nothing is installed; Python says where it was started, and with what.
PYTHON = """#!/bin/sh
echo "$PWD"; printf '%s\\n' "$@"
"""
STUB = "\nensure_env() { :; }\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("my projects")
    for path in (*SCRIPTS.glob("*.sh"), *map(SCRIPTS.joinpath, {*WRAPPERS, *AT_ROOT})):
        (new := root / "scripts" / path.relative_to(SCRIPTS)).parent.mkdir(
            parents=True, exist_ok=True
        )
        shutil.copy(path, new)
    for name, stub in (
        ("environment", STUB),
        ("vllm-environment", "\nensure_vllm_env() { :; }\n"),
        ("system-packages", "\nensure_system_packages() { :; }\n"),
    ):
        with (root / f"scripts/{name}.sh").open("a", encoding="utf-8") as file:
            file.write(stub)
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON, encoding="utf-8")
    python.chmod(0o755)
    return root


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_command_runs_where_its_caller_is(wrapper, root, tmp_path):
    given = [] if wrapper == "vllm-memory" else ["--json", "my figures.json"]
    ours = ("AVENGERS_VENV", "AVENGERS_GPU_PYTHON")
    done = subprocess.run(
        [root / "scripts" / wrapper, *given],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in ours},
        capture_output=True,
        text=True,
        check=True,
    )
    where, *arguments = done.stdout.splitlines()

    assert where == str(tmp_path)
    # Not -m alone, which would take modules from where the caller is.
    assert "-P" in arguments
    assert "-m" in arguments
    assert arguments[len(arguments) - len(given) :] == given


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("build-default-artifact --seed 5", "--seed: only --seeds N is an option"),
        ("build-default-artifact --seeds", "--seeds: only --seeds N is an option"),
        ("build-default-artifact --seeds 3 x", "x: only --seeds N is an option"),
        ("check-image --keep", "--keep needs a directory"),
        ("vllm-memory x", "it takes no arguments: x"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(command, says, root):
    name, *given = command.split()
    done = subprocess.run(
        [root / "scripts" / name, *given], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {says}\n"
