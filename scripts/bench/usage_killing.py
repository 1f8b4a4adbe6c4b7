"""Kills the processes of `usage_rig` at random, and starts others in their place."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import Any

from scripts.bench import usage_rig as rig


@dataclass
class Killing:
    """Processes that come back when they are killed."""

    folder: Path
    dice: random.Random
    acknowledged: set[str] = field(default_factory=set)
    writers: dict[connection.Connection, Any] = field(default_factory=dict)
    started: int = 0
    writers_killed: int = 0
    ledgers_killed: int = 0

    def start_ledger(self) -> None:
        """One, with the store."""
        self.ledger = rig.context.Process(target=rig.run_ledger, args=(self.folder,))
        self.ledger.start()

    def start_writer(self) -> None:
        """One more, whose ids nobody else has."""
        ours, its = rig.context.Pipe(duplex=False)
        args = (self.folder, f"use-{self.started:05d}", its)
        process = rig.context.Process(target=rig.run_writer, args=args)
        process.start()
        its.close()
        self.writers[ours] = process
        self.started += 1

    def listen(self, seconds: float) -> None:
        """Note what is acknowledged."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for pipe in connection.wait(list(self.writers), left):
                self.acknowledged.add(pipe.recv_bytes().decode())

    def kill_ledger(self) -> None:
        """As `kill -9` does."""
        self.ledger.kill()
        self.ledger.join()
        self.ledgers_killed += 1

    def kill_writer(self, pipe: connection.Connection) -> None:
        """What it has said before it died counts."""
        process = self.writers.pop(pipe)
        process.kill()
        process.join()
        try:
            while True:
                self.acknowledged.add(pipe.recv_bytes().decode())
        except (EOFError, OSError):
            pipe.close()  # a torn last word is none
        self.writers_killed += 1

    def kill_one(self) -> None:
        """Whom chance picks, and start another in its place."""
        victim = self.dice.choice([None, *self.writers])
        if victim is None:
            self.kill_ledger()
            self.start_ledger()
        else:
            self.kill_writer(victim)
            self.start_writer()


@contextmanager
def started(killing: Killing, writers: int) -> Iterator[None]:
    """The Ledger and so many writers; whoever is left at the end is killed."""
    rig.context.set_forkserver_preload(["scripts.bench.usage_rig"])
    killing.start_ledger()
    try:
        for _ in range(writers):
            killing.start_writer()
        yield
    finally:
        for process in (killing.ledger, *killing.writers.values()):
            process.kill()
            process.join()
