"""`avengers` in this process, on a database in a directory of the test's own."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from deployments.store.accounts import Accounts
from deployments.store.database import Database
from serve_app.cli import main

T = TypeVar("T")


@dataclass
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class AccountsCli:
    """Runs commands, and looks at what they left."""

    def __init__(
        self,
        directory: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.directory = directory
        self.url = f"sqlite:///{directory / 'store.db'}"
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("AVENGERS_DATABASE", self.url)
        monkeypatch.setenv("COLUMNS", "160")

    def run(self, *arguments: object) -> Ran:
        """One command."""
        self._monkeypatch.setattr("sys.argv", ["avengers", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    def file(self, text: str) -> Path:
        """A file of tenants."""
        path = self.directory / "tenants.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def accounts(
        self,
        look: Callable[[Accounts], Awaitable[T]],
        configured: Collection[str] | None = None,
    ) -> T:
        """Ask the store itself; with `configured` tiers, as a gateway does."""

        async def run() -> T:
            database = Database(self.url)
            await database.open()
            try:
                return await look(Accounts(database, configured=configured))
            finally:
                await database.close()

        return asyncio.run(run())
