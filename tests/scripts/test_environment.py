"""What scripts/environment.sh makes, in a checkout at any path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/environment.sh"


def test_the_command_starts_from_a_path_with_spaces(tmp_path: Path) -> None:
    root = tmp_path / "my projects"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, root / "scripts")
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
