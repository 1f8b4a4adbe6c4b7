"""What stands in a replica's journal and has not been taken yet."""

import logging
from dataclasses import dataclass
from pathlib import Path

import orjson

from deployments.usage.journal_files import (
    ballast_path,
    lock_path,
    records_files,
    rejected_path,
    shipped_path,
)
from deployments.usage.record import UsageRecord

_CHUNK = 4 * 2**20

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of one file from the byte `start` on; `number` and `offset` are where the
    next ones begin."""

    lines: tuple[bytes, ...]
    number: int
    offset: int
    path: Path
    start: int

    def line_number(self, place: int) -> int:
        """Which of its file a line is, from 1 on; it reads what is before."""
        with self.path.open("rb") as file:
            return file.read(self.start).count(b"\n") + place + 1


class Backlog:
    """Reads a replica's files in order. `live`: the last one is still written to.

    How far it came is kept beside them, but not synced: after a power cut some are
    read again.
    """

    def __init__(self, directory: Path, replica: str, *, live: bool) -> None:
        self.replica = replica
        self.lines_taken = 0
        self.lines_left = 0  # when they were last counted, less those taken since
        self._directory = directory
        self._live = live
        self._shipped = shipped_path(directory, replica)
        self._number, self._offset = _place(self._shipped)

    def read(self, limit: int) -> Batch | None:
        """The next lines, at most `limit`; None where there are none (yet).

        A line without its end is waited for while the writer lives; what a dead one
        has left of it is passed over.
        """
        # Listed before it is read: a file that has a successor grows no more.
        files = records_files(self._directory, self.replica)
        for place, (number, path) in enumerate(files):
            if number < self._number:
                continue
            offset = self._offset if number == self._number else 0
            grows = self._live and place == len(files) - 1
            lines, size = _read_lines(path, offset, limit, grows=grows)
            if size:
                return Batch(lines, number, offset + size, path, offset)
        return None

    def taken(self, batch: Batch) -> None:
        """Go on after this batch; files that are done with are deleted."""
        self._number, self._offset = batch.number, batch.offset
        self.lines_taken += len(batch.lines)
        self.lines_left = max(0, self.lines_left - len(batch.lines))
        hidden = self._shipped.with_name(f".{self._shipped.name}")
        place = {"number": self._number, "offset": self._offset}
        try:
            hidden.write_bytes(orjson.dumps(place))
            hidden.replace(self._shipped)
            for number, path in records_files(self._directory, self.replica):
                if number < self._number:
                    path.unlink(missing_ok=True)
        except OSError as error:
            # If we die now, the batch is shipped again: that does no harm.
            what = "%s: how far it was shipped is not written down: %s"
            logger.warning(what, self.replica, error)

    def set_aside(self, lines: list[bytes]) -> Path:
        """Keep lines that could not be taken; where."""
        path = rejected_path(self._directory, self.replica)
        with path.open("ab") as file:
            path.chmod(0o600)
            file.write(b"".join(line + b"\n" for line in lines))
        return path

    def count(self) -> None:
        """Count the lines that are left; it reads them all."""
        total = 0
        for number, path in records_files(self._directory, self.replica):
            if number < self._number:
                continue
            with path.open("rb") as file:
                file.seek(self._offset if number == self._number else 0)
                while chunk := file.read(_CHUNK):
                    total += chunk.count(b"\n")
        self.lines_left = total

    def remove(self) -> None:
        """Delete everything but what was set aside; the lock last."""
        for _, path in records_files(self._directory, self.replica):
            path.unlink(missing_ok=True)
        self._shipped.unlink(missing_ok=True)
        ballast_path(self._directory, self.replica).unlink(missing_ok=True)
        lock_path(self._directory, self.replica).unlink(missing_ok=True)


def _place(path: Path) -> tuple[int, int]:
    """From the beginning where nothing stands that makes sense."""
    try:
        found = orjson.loads(path.read_bytes())
        return int(found["number"]), int(found["offset"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


def _read_lines(
    path: Path, offset: int, limit: int, *, grows: bool
) -> tuple[tuple[bytes, ...], int]:
    """Lines from `offset` on, and how many bytes they and their ends are."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(_CHUNK)
            if b"\n" not in chunk:
                chunk += file.read()
            at_end = not file.read(1)
    except FileNotFoundError:
        return (), 0
    *lines, rest = chunk.split(b"\n")
    if len(lines) < limit and at_end and not grows and _is_record(rest):
        lines.append(rest)  # only its line end is missing
        return tuple(lines), len(chunk)
    lines = lines[:limit]
    return tuple(lines), sum(map(len, lines)) + len(lines)


def _is_record(line: bytes) -> bool:
    try:
        UsageRecord.from_json(line)
    except ValueError:
        return False
    return True
