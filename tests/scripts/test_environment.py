"""What scripts/environment.sh makes, in a checkout at any path."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/environment.sh"


def test_the_command_starts_from_a_path_with_spaces(tmp_path: Path) -> None:
    root = tmp_path / "my projects"
    (root / "scripts").mkdir(parents=True)
    for script in (SCRIPT, SCRIPT.with_name("installing.sh")):
        shutil.copy(script, root / "scripts")
    (root / "serve_app").mkdir()
    (root / "serve_app/__init__.py").touch()
    (root / "serve_app/cli.py").write_text(
        "import sys\n\n\ndef main():\n    print(sys.argv[1:])\n    return 3\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONPATH"
    }
    venv = root / ".venv"
    made = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
    subprocess.run(made, check=True, env=environment)
    script = '. "$1"; link_project'
    subprocess.run(
        ["bash", "-c", script, "bash", str(root / "scripts/environment.sh")],
        check=True,
        env=environment | {"AVENGERS_VENV": str(venv)},
    )

    done = subprocess.run(
        [venv / "bin/avengers", "one", "two words"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )

    assert (done.returncode, done.stdout) == (3, "['one', 'two words']\n")


# What takes the place of the installers: a package is a directory, as theirs are.
INSTALLERS = r"""
put() { mkdir -p "$(echo "$venv"/lib/python*/site-packages)/$1"; }
install_base() { put base; }
locked() { put half; false; }
cpu_torch_only() { false; }
"""


def prepare(root: Path, wanted: str, changed: str = "") -> subprocess.CompletedProcess:
    """`ensure_env wanted` in a checkout at `root`."""
    (root / "scripts").mkdir(exist_ok=True)
    for script in (SCRIPT, SCRIPT.with_name("installing.sh")):
        shutil.copy(script, root / "scripts")
    (root / "requirements").mkdir(exist_ok=True)
    for name in ("base", "uv", "test"):
        (root / f"requirements/{name}.txt").touch()
    script = f'. "$1"\n{INSTALLERS}\n{changed}\nensure_env {wanted}'
    ours = ("AVENGERS_VENV", "AVENGERS_TORCH", "PYTHONPATH")
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    return subprocess.run(
        ["bash", "-c", script, "bash", str(root / "scripts/environment.sh")],
        env=environment | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_fails_before_it_writes_leaves_the_environment_for_serving(
    tmp_path: Path,
) -> None:
    assert prepare(tmp_path, "base").returncode == 0
    kept = tmp_path / ".venv/kept"
    kept.touch()

    offline = prepare(tmp_path, "test", "locked() { false; }")
    serving = prepare(tmp_path, "base", "install_base() { die 'no network'; }")

    assert offline.returncode == 1
    assert serving.returncode == 0, serving.stderr
    assert kept.exists()


def test_no_build_of_torch_costs_nothing_of_what_was_installed(tmp_path: Path) -> None:
    done = prepare(tmp_path, "test", "locked() { put tests; }")
    kept = tmp_path / ".venv/kept"
    kept.touch()

    serving = prepare(tmp_path, "base", "install_base() { die 'no network'; }")
    again = prepare(
        tmp_path, "test", "locked() { put tests; }; install_torch() { put torch; }"
    )

    assert "no CPU build of torch" in done.stderr
    assert (serving.returncode, again.returncode) == (0, 0)
    assert kept.exists()


def test_what_fails_while_it_writes_is_begun_again_from_nothing(tmp_path: Path) -> None:
    prepare(tmp_path, "test")
    kept = tmp_path / ".venv/kept"
    kept.touch()

    again = prepare(tmp_path, "base")

    assert again.returncode == 0
    assert "preparing" in again.stderr
    assert not kept.exists()


def test_ctrl_c_takes_away_what_keeps_services_from_starting(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    script = (
        '. "$1"; service_policy="$2" units=/nowhere; '
        "without_services bash -c 'echo installing; exec sleep 60'"
    )
    packages = SCRIPT.with_name("system-packages.sh")
    # Whoever runs the tests may ignore the signal, and what it starts would, too.
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    with subprocess.Popen(
        ["bash", "-c", script, "bash", packages, policy],
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"installing\n"
        was_there = policy.exists()

        os.killpg(run.pid, signal.SIGINT)
        run.wait(60)

    assert was_there
    assert run.returncode != 0
    assert not policy.exists()


def test_a_folder_above_may_be_called_r_and_d(tmp_path: Path) -> None:
    root = tmp_path / "R&D"
    root.mkdir()

    made = prepare(root, "base")
    again = prepare(root, "base", "install_base() { die 'made twice'; }")

    assert (made.returncode, again.returncode) == (0, 0), made.stderr


def found(folder: Path, there: dict[str, str]) -> subprocess.CompletedProcess:
    """`find_python` where these are all interpreters, each of the version it says."""
    (folder / "dirname").symlink_to(shutil.which("dirname") or "")
    for name, version in there.items():
        said = f"import sys; sys.version_info = ({version}, 0)"
        program = folder / name
        program.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{said}; $2"\n'
        )
        program.chmod(0o755)
    bash = shutil.which("bash") or ""
    return subprocess.run(
        [bash, "-c", '. "$1"; find_python', "bash", str(SCRIPT)],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"python3": "3, 14"}, "python3"),
        ({"python3": "3, 15", "python3.13": "3, 13"}, "python3.13"),
        ({"python3": "3, 10", "python3.14": "3, 14"}, "python3.14"),
    ],
)
def test_the_first_python_that_the_pinned_packages_are_for_is_taken(
    tmp_path: Path, there: dict[str, str], chosen: str
) -> None:
    assert found(tmp_path, there).stdout == f"{tmp_path / chosen}\n"


def test_a_python_that_no_package_is_made_for_yet_is_refused(tmp_path: Path) -> None:
    done = found(tmp_path, {"python3": "3, 15"})

    assert done.returncode == 1
    assert "no Python from 3.11 to 3.14 on PATH" in done.stderr


def test_uv_trusts_the_certificates_that_pip_is_told_to_trust(tmp_path: Path) -> None:
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\n[ "$5" = global.cert ] && echo /company.pem\n')
    python.chmod(0o755)
    theirs = ("PIP_CERT", "PIP_INDEX_URL", "SSL_CERT_FILE")
    environment = {k: v for k, v in os.environ.items() if k not in theirs}

    done = subprocess.run(
        ["bash", "-c", '. "$1"; uv_settings; env', "bash", str(SCRIPT)],
        env=environment | {"AVENGERS_VENV": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "SSL_CERT_FILE=/company.pem\n" in done.stdout


def test_pip_is_not_told_to_install_for_the_user_alone() -> None:
    """As some workspaces tell it, everywhere."""
    done = subprocess.run(
        ["bash", "-c", '. "$1"; env', "bash", str(SCRIPT)],
        env=os.environ | {"PIP_USER": "yes"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "PIP_USER=0\n" in done.stdout


def test_uv_does_without_a_cache_that_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / ".cache").touch()
    script = '. "$1"; pip_setting() { :; }; uv_settings; env'
    ours = ("UV_CACHE_DIR", "XDG_CACHE_HOME", "UV_NO_CACHE")
    environment = {k: v for k, v in os.environ.items() if k not in ours}

    def said(home: Path) -> str:
        done = subprocess.run(
            ["bash", "-c", script, "bash", str(SCRIPT)],
            env=environment | {"HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert "UV_NO_CACHE=1\n" in said(tmp_path)
    (tmp_path / "writable").mkdir()
    assert "UV_NO_CACHE" not in said(tmp_path / "writable")


@pytest.mark.parametrize("how", ["another version's", "gone"])
def test_an_environment_whose_python_was_replaced_is_made_anew(
    tmp_path: Path, how: str
) -> None:
    """As by an upgrade of the system, whose Python the environment's link leads to."""
    assert prepare(tmp_path, "base").returncode == 0
    kept = tmp_path / ".venv/kept"
    kept.touch()
    if how == "gone":
        python = tmp_path / ".venv/bin/python"
        python.unlink()
        python.symlink_to(tmp_path / "usr/bin/python3")
    else:  # the packages lie where another Python looks for them
        (lib,) = (tmp_path / ".venv/lib").glob("python3*")
        lib.rename(lib.with_name("python3.1"))

    again = prepare(tmp_path, "base")

    assert again.returncode == 0, again.stderr
    assert "preparing" in again.stderr
    assert not kept.exists()
    assert prepare(tmp_path, "base", "install_base() { die 'twice'; }").returncode == 0


def test_an_environment_is_not_made_with_the_python_that_lies_in_it(
    tmp_path: Path,
) -> None:
    """It is emptied first; and whoever has activated it finds that one first."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    for folder in (venv / "bin", tmp_path):
        (folder / "python3").symlink_to(sys.executable)

    done = subprocess.run(
        ["bash", "-c", '. "$1"; find_python', "bash", str(SCRIPT)],
        env=os.environ
        | {
            "PATH": f"{venv}/bin:{tmp_path}:{os.environ['PATH']}",
            "AVENGERS_VENV": str(venv),
            "PYTHON": "",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{tmp_path}/python3\n"


def test_what_the_shell_says_to_another_python_or_to_cd_is_not_heard(
    tmp_path: Path,
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('of another Python')\n")
    harmful = {
        "PYTHONHOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "PYTHONOPTIMIZE": "2",
        "PYTHONINSPECT": "1",
        "CDPATH": str(SCRIPT.parents[1]),
    }

    script = '. scripts/environment.sh; "$1" -c "import json; print(__debug__)"'
    done = subprocess.run(
        ["bash", "-c", f"{script}; echo $root", "bash", sys.executable],
        cwd=SCRIPT.parents[1],
        env=os.environ | harmful,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == f"True\n{SCRIPT.parents[1]}\n", done.stderr


@pytest.mark.parametrize("there", [True, False])
def test_a_place_for_temporary_files_that_is_not_there_is_not_taken(
    tmp_path: Path, there: bool
) -> None:
    place = tmp_path if there else tmp_path / "none"

    done = subprocess.run(
        ["bash", "-c", '. "$1"; echo "${TMPDIR-unset}"', "bash", str(SCRIPT)],
        env=os.environ | {"TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{tmp_path if there else 'unset'}\n"
