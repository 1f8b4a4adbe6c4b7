"""Usage on a full disk: a real file system with no space left, and a size limit."""

import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.errors import Overloaded
from deployments.usage.journal import Journal, read_journal
from deployments.usage.record import UsageRecord
from deployments.usage.recorder import Recorder
from tests.deployments.usage.test_journal import RECORD
from tests.small_disk import fill

LIMITED = """
import asyncio, json, resource, sys
from dataclasses import replace
from pathlib import Path
from deployments.errors import Overloaded
from deployments.usage.journal import Journal
from deployments.usage.recorder import Recorder
from tests.deployments.usage.test_journal import RECORD

def refused(recorder):
    try:
        recorder.check()
    except Overloaded as error:
        return error.code

async def main():
    now = [0.0]
    recorder = Recorder(Journal(Path(sys.argv[1])), clock=lambda: now[0])
    for number in range(20):  # the tenth or so does not fit
        recorder.append(replace(RECORD, id=f"use-{number}"))
        if number == 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
    told = refused(recorder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    now[0] = 2.0
    print(json.dumps([told, refused(recorder), recorder.waiting]))

asyncio.run(main())
"""


class World:
    """A recorder, and a clock that only a test moves."""

    def __init__(self, disk: Path, *, refuse: bool = True) -> None:
        self.disk, self.now, self.n = disk / "usage", 0.0, 0
        journal = Journal(self.disk)
        self.recorder = Recorder(
            journal, refuse=refuse, ballast_bytes=64 * 1024, clock=lambda: self.now
        )

    def record(self, times: int = 1) -> None:
        for _ in range(times):
            self.recorder.append(replace(RECORD, id=f"use-{self.n}"))
            self.n += 1

    def found(self) -> list[UsageRecord]:
        return list(read_journal(self.disk))


async def test_on_a_full_disk_what_runs_is_recorded_and_nothing_new_is_let_in(
    small_disk,
):
    world = World(small_disk)
    world.record()
    world.recorder.check()
    fill(small_disk)

    world.record(times=20)

    with pytest.raises(Overloaded, match="No space left on device") as refused:
        world.recorder.check()
    assert (refused.value.status, refused.value.code) == (503, "usage_not_recordable")
    assert len(world.found()) == 21


async def test_when_there_is_space_again_requests_are_let_in(small_disk):
    world = World(small_disk)
    filler = fill(small_disk)
    world.record(times=200)
    assert world.recorder.waiting > 0  # the ballast is used up, too
    filler.unlink()
    world.now = 2.0
    world.recorder.check()

    world.record()

    assert world.recorder.waiting == 0
    assert {record.id for record in world.found()} == {f"use-{n}" for n in range(201)}


async def test_who_would_rather_answer_than_record_is_let_in(small_disk):
    world = World(small_disk, refuse=False)
    fill(small_disk)
    world.record(times=200)

    world.recorder.check()

    assert world.recorder.problem == "No space left on device"


async def test_a_disk_that_is_full_at_the_start_is_noticed_before_the_first_request(
    small_disk,
):
    fill(small_disk)
    with pytest.raises(Overloaded):
        World(small_disk).recorder.check()


def test_a_limit_that_cuts_a_record_in_two_costs_none(tmp_path):
    """The system writes a part of it, and then no more: by RLIMIT_FSIZE."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True
    )

    assert json.loads(done.stdout) == ["usage_not_recordable", None, 0], done.stderr
    found = {record.id for record in read_journal(tmp_path)}
    assert found == {f"use-{number}" for number in range(20)}


async def test_at_the_end_it_is_tried_once_more_at_once(small_disk):
    world = World(small_disk)
    filler = fill(small_disk)
    world.record(times=200)
    filler.unlink()

    world.recorder.recover()  # tried a moment ago
    assert world.recorder.waiting > 0
    world.recorder.recover(at_once=True)

    assert world.recorder.waiting == 0


async def test_it_is_tried_again_once_a_second_and_what_fails_again_is_not_lost(
    tmp_path, monkeypatch
):
    world, tries = World(tmp_path), []

    def refused(record: UsageRecord) -> None:
        tries.append(record.id)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(world.recorder.journal, "append", refused)
        world.record(times=2)
        tries.clear()
        world.now = 2.0
        for _ in range(5):
            world.recorder.recover()
        assert tries == ["use-0"]
    world.now = 4.0
    world.recorder.recover()

    assert [record.id for record in world.found()] == ["use-0", "use-1"]
