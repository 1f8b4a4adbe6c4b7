"""`avengers serve` in a process of its own: what is told before Ray is started."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.serve_app.commands.test_commands import MAIN, ROOT

CONFIG = """\
applications:
- import_path: serve_app.app:build_app
  args:
    default_model: a
    cost_tiers: {}
    tenants: []
    catalog:
      models: [{id: a, upstream_model: them/a, backend: simulator}]
    database: {url: "sqlite:///$AVENGERS_STATE/a.db"}
    usage: {journal: $AVENGERS_VAR/usage}
"""


def serve(
    *arguments: object, given: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, "serve", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def some_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_configuration_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As `--config <(…)` has it: who reads it again finds nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        state = {"AVENGERS_VAR": str(tmp_path), "AVENGERS_STATE": str(tmp_path)}
        run = serve("--config", "/dev/stdin", "--port", port, given=CONFIG, **state)

    said = f"avengers: port {port} on 127.0.0.1 is already in use"
    assert (run.returncode, run.stderr.splitlines()[-1]) == (1, said)


def test_a_variable_that_is_not_set_is_told_with_file_line_and_field(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(CONFIG)

    run = serve("--config", path, "--port", some_port(), AVENGERS_STATE="")

    said = f"avengers: {path}:9: args.database.url: AVENGERS_STATE is not set\n"
    assert (run.returncode, run.stderr) == (2, said)


def test_a_place_for_sockets_that_is_too_deep_is_told_in_a_line(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()

    run = serve(
        "--port", some_port(), AVENGERS_VAR=str(tmp_path / "var"), RAY_TMPDIR=str(deep)
    )

    assert run.returncode == 1
    assert f"avengers: {deep}: too long a path for Ray's" in run.stderr
    assert "Traceback" not in run.stderr
