"""A real PostgreSQL of the tests' own, on a free port of 127.0.0.1."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")
_START_S = 60


class PostgresServer:
    """One cluster in a directory; it can be stopped, and started again."""

    def __init__(self, programs: Path, directory: Path, *, fsync: bool) -> None:
        self._programs = programs
        self._fsync = fsync
        self._data = directory / "data"
        self._log = directory / "log"
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._as = _other_user()
        self._databases = 0
        self.port = _free_port()
        self._make(directory)

    def url(self, database: str = "postgres", password: str | None = None) -> str:
        """The address of one of its databases."""
        who = f"postgres:{password or self._password}"
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a fresh database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.run_sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def run_sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints of it."""
        command = [self._programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1"]
        quiet = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
        done = subprocess.run(
            [*command, "-d", self.url(database), "-c", statement],
            check=True,
            capture_output=True,
            text=True,
            env=quiet,
        )
        return done.stdout.strip()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [self._programs / "postgres", "-D", self._data, "-p", str(self.port)]
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=")
        for setting in (*settings, f"fsync={self._fsync}", "max_connections=60"):
            command += ["-c", setting]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._data, **self._as
            )
        self._wait()

    def stop(self) -> None:
        """Stop it as a crash would; what was committed is there after `start`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_START_S)
            self._process = None

    def _make(self, directory: Path) -> None:
        secret = directory / "password"
        secret.write_text(self._password)
        if self._as:
            for path in (directory, secret):
                os.chown(path, self._as["user"], self._as["group"])
        command = [self._programs / "initdb", "-D", self._data, "-U", "postgres", "-N"]
        command += [f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8"]
        command += ["--locale=C.UTF-8"]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=directory, **self._as
        )
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        ready = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1"]
        end = time.monotonic() + _START_S
        while subprocess.run([*ready, "-p", str(self.port)]).returncode != 0:
            assert self._process is not None
            running = self._process.poll() is None and time.monotonic() < end
            assert running, self._log.read_text()
            time.sleep(0.05)


@contextmanager
def postgresql_server(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """A server that runs meanwhile; the test is skipped where none is installed.

    No test pulls the plug, so by default none waits for the disk.
    """
    programs = find_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL's server: the Debian package postgresql")
    # Not under pytest's own: another user could not enter it.
    directory = Path(tempfile.mkdtemp(prefix="avengers-postgresql-"))
    try:
        server = PostgresServer(programs, directory, fsync=fsync)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


def find_programs() -> Path | None:
    """The directory of PostgreSQL's programs: on PATH, or where Debian puts them."""
    found = shutil.which("postgres")
    if found and shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = (path.parent for path in _DEBIAN.glob("*/bin/initdb"))
    return max(versions, key=lambda path: float(path.parent.name), default=None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """One server for all tests; each takes a database of its own."""
    with postgresql_server() as server:
        yield server


def _other_user() -> dict[str, int]:
    """PostgreSQL refuses to run as root: as whom instead."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
