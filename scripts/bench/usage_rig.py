"""Processes that write usage records, and one that takes them, to be killed.

A writer is what a Gateway replica is to usage: a journal and a shipper. The Ledger's
place has a process with the real store, reached over a socket of its own.
"""

import asyncio
import multiprocessing
import pickle
import signal
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from deployments.errors import Overloaded
from deployments.store.database import Database
from deployments.store.usage_store import UsageStore
from deployments.usage.journal import Journal
from deployments.usage.journal_files import replicas
from deployments.usage.record import UsageRecord
from deployments.usage.shipper import Shipper

START = datetime(2026, 6, 1, tzinfo=UTC)
COST_USD, CORRECTED_USD = 0.000001, 0.000003
_CORRECTED = 10  # each so many-th record is written again with what it cost
_BURST = 20
_ROTATE_BYTES = 200_000  # small: files are to be rotated and deleted on the way

context = multiprocessing.get_context("forkserver")


def cost_of(id: str) -> float:
    """What the record of this id says in the end."""
    return COST_USD if int(id.rpartition("-")[2]) % _CORRECTED else CORRECTED_USD


def made(id: str, replica: str, **changes: Any) -> UsageRecord:
    """A record of June 2026."""
    fields: dict[str, Any] = {
        "request_id": id,
        "at": START.timestamp() + int(id.rpartition("-")[2]),
        "tenant": "bench",
        "key_id": "k",
        "cost_tier": None,
        "alpha": 0.5,
        "surface": "chat/completions",
        "stream": False,
        "requested_model": "auto",
        "status": "answered",
        "latency_s": 0.5,
        "cost_usd": COST_USD,
        "replica": replica,
    }
    return UsageRecord(id=id, **{**fields, **changes})


class SocketLedger:
    """Calls the process that has the store; Overloaded while there is none."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """See LedgerLike."""
        return int(await self._call("ingest", list(records)))

    async def close_replica(self, replica: str) -> None:
        """See LedgerLike."""
        await self._call("close_replica", replica)

    async def _call(self, method: str, argument: Any) -> Any:
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
            try:
                writer.write(pickle.dumps((method, argument)))
                writer.write_eof()
                answer = await reader.read()
            finally:
                writer.close()
        except OSError as error:
            raise Overloaded(f"no Ledger: {error}") from None
        if not answer:
            raise Overloaded("the Ledger went away")
        return pickle.loads(answer)


class Books:
    """The real store; and what it was told of replicas, in a file beside it."""

    def __init__(self, store: UsageStore, notes: Path) -> None:
        self._store = store
        self._notes = notes
        self._closed = {line.split()[1] for line in read_notes(notes, "closed")}

    async def ingest(self, records: Sequence[UsageRecord]) -> int:
        """New records of a replica that was closed came too late: that is noted."""
        new = await self._store.ingest(records)
        if new and any(record.replica in self._closed for record in records):
            self._note(f"late {new}")
        return new

    async def close_replica(self, replica: str) -> None:
        """Note it."""
        self._closed.add(replica)
        self._note(f"closed {replica}")

    def _note(self, line: str) -> None:
        with self._notes.open("a") as file:
            file.write(line + "\n")


def read_notes(notes: Path, kind: str) -> list[str]:
    """The lines of one kind."""
    text = notes.read_text() if notes.exists() else ""
    return [line for line in text.splitlines() if line.startswith(kind)]


def run_ledger(folder: Path) -> None:
    """The process with the store, until it is killed."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(folder))


async def _serve(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'usage.db'}", busy_timeout_s=30)
    await database.open()
    books = Books(UsageStore(database), folder / "notes")

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError, EOFError):  # whoever asked may have been killed
            method, argument = pickle.loads(await reader.read())
            writer.write(pickle.dumps(await getattr(books, method)(argument)))
            await writer.drain()
        writer.close()

    socket = folder / "ledger"
    socket.unlink(missing_ok=True)
    async with await asyncio.start_unix_server(answer, socket) as server:
        await server.serve_forever()


def run_writer(folder: Path, prefix: str, acknowledged: Connection) -> None:
    """Writes records and says of each that it stands, until it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_write(folder, prefix, acknowledged))


async def _write(folder: Path, prefix: str, acknowledged: Connection) -> None:
    directory = folder / "journal"
    journal = Journal(directory, rotate_bytes=_ROTATE_BYTES)
    shipper = Shipper(directory, journal, SocketLedger(folder / "ledger"))
    shipper.start()
    number = 0
    while True:
        for _ in range(_BURST):
            record = made(f"{prefix}-{number}", journal.replica)
            journal.append(record)
            if number % _CORRECTED == 0:
                changes = {"revision": 1, "cost_usd": CORRECTED_USD}
                journal.append(made(record.id, journal.replica, **changes))
            acknowledged.send_bytes(record.id.encode())
            number += 1
        await asyncio.sleep(0.01)


def run_successor(folder: Path) -> None:
    """Ships what all others have left, and ends."""
    asyncio.run(_succeed(folder))


async def _succeed(folder: Path) -> None:
    directory = folder / "journal"
    journal = Journal(directory)
    shipper = Shipper(directory, journal, SocketLedger(folder / "ledger"))
    shipper.start()
    while replicas(directory) != [journal.replica]:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await shipper.stop()
