"""Directories that change all at once, whatever becomes of who changes them."""

import errno
import fcntl
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artifacts.atomic import check_replaceable, place_once, replacing_directory
from artifacts.errors import ArtifactError
from artifacts.store import load, save
from tests.artifacts.hand_made import altered

ROOT = Path(__file__).parents[2]

SAVING = """
import sys
from itertools import cycle
from pathlib import Path
from artifacts.store import load, save
first, second, target, encoder = map(Path, sys.argv[1:])
for artifact in cycle([load(second), load(first)]):
    save(artifact, target, encoder_directory=encoder)
    print("saved", flush=True)
"""


def put(target: Path, content: str) -> None:
    with replacing_directory(target, "marker") as staging:
        (staging / "marker").write_text(content)


def test_a_kill_at_any_moment_leaves_the_old_artifact_or_the_new(
    artifact, encoder, tmp_path
):
    first, second, target = (tmp_path / name for name in ("1", "2", "work/target"))
    save(artifact, first)
    save(altered(artifact), second)
    save(artifact, target)
    seen = set()
    dice = random.Random(0)
    for _ in range(20):
        command = [sys.executable, "-c", SAVING, first, second, target, encoder]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(dice.randrange(1, 4)):
                process.stdout.readline()
            time.sleep(dice.uniform(0, 0.03))
            process.kill()
        seen.add(load(target).artifact_id)

    assert seen <= {artifact.artifact_id, altered(artifact).artifact_id}
    assert len(list((tmp_path / "work").iterdir())) <= 2  # the target, one left-over
    save(artifact, target)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("file/a", "Not a directory"),
        ("loop", "symbolic links"),
        ("/proc/no/a", "(No such file|denied|Read-only)"),  # not even for root
        ("x" * 256, "File name too long"),
    ],
)
def test_where_nothing_can_be_written_is_told_before_the_work(tmp_path, name, what):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(ArtifactError, match=f"cannot be written: .*{what}"):
        check_replaceable(tmp_path / name, "marker")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_what_others_put_beside_ours_is_not_dropped(tmp_path):
    put(tmp_path / "a", "old")
    (tmp_path / "a" / "model.pt").write_text("precious")

    with pytest.raises(ArtifactError, match=r"a: it holds 'model\.pt', which"):
        put(tmp_path / "a", "new")

    assert (tmp_path / "a" / "model.pt").read_text() == "precious"
    assert (tmp_path / "a" / "marker").read_text() == "old"


def test_the_look_before_the_work_leaves_nothing_behind(tmp_path):
    check_replaceable(tmp_path / "new" / "a", "marker")

    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_one_line(tmp_path):
    put(tmp_path / "a", "old")
    with (
        pytest.raises(ArtifactError, match="a: it cannot be written: No space left"),
        replacing_directory(tmp_path / "a", "marker"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert (tmp_path / "a" / "marker").read_text() == "old"


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    (tmp_path / ".a-x1y2z3w4.unfinished").mkdir()
    (tmp_path / ".a-x1y2z3w4.unfinished" / "half").write_text("half")
    (tmp_path / ".b-x1y2z3w4.unfinished").mkdir()
    (tmp_path / ".a-precious").mkdir()

    put(tmp_path / "a", "new")

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".a-precious", ".b-x1y2z3w4.unfinished", "a"]


def test_what_another_process_is_filling_is_left_alone(tmp_path):
    busy = tmp_path / ".a-x1y2z3w4.unfinished"
    busy.mkdir()
    handle = os.open(busy, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    put(tmp_path / "a", "new")

    assert busy.is_dir()
    os.close(handle)


@pytest.mark.parametrize("old", ["old", None])
def test_of_two_that_save_the_same_both_end_well(tmp_path, old):
    if old:
        put(tmp_path / "a", old)
    with replacing_directory(tmp_path / "a", "marker") as slow:
        (slow / "marker").write_text("slow")
        put(tmp_path / "a", "fast")

    assert (tmp_path / "a" / "marker").read_text() == "slow"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_there_is_not_made_again(tmp_path):
    def fill(staging: Path) -> None:
        (staging / "file").write_text("first")

    assert place_once(tmp_path / "d" / "a", fill) == tmp_path / "d" / "a"
    place_once(tmp_path / "d" / "a", lambda _: pytest.fail("made again"))

    assert (tmp_path / "d" / "a" / "file").read_text() == "first"


def test_the_first_of_two_makers_wins(tmp_path):
    def fill(staging: Path) -> None:
        (staging / "file").write_text("second")
        place_once(
            tmp_path / "a", lambda inner: (inner / "file").write_text("first") and None
        )

    place_once(tmp_path / "a", fill)

    assert (tmp_path / "a" / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_filling_that_fails_leaves_nothing(tmp_path):
    def fill(staging: Path) -> None:
        (staging / "file").write_text("half")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        place_once(tmp_path / "a", fill)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("old", [None, "old"])
def test_what_is_new_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch, old):
    # A power cut would else leave the name, and files that are empty.
    target = tmp_path / "a"
    marker = target / "marker"
    if old:
        put(target, old)
    seen: dict[int, str | None] = {}  # inode → what stood there when it was synced
    sync = os.fsync

    def fsync(handle: int) -> None:
        stood = marker.read_text() if marker.exists() else None
        seen.setdefault(os.fstat(handle).st_ino, stood)
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    if old:
        put(target, "new")
    else:
        place_once(target, lambda made: (made / "marker").write_text("new") and None)

    assert marker.read_text() == "new"
    synced = [seen.get(each.stat().st_ino, "never") for each in (marker, target)]
    assert synced == [old, old]


def test_a_first_save_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    stood = []
    monkeypatch.setattr(os, "fsync", lambda _: stood.append((tmp_path / "a").exists()))

    put(tmp_path / "a", "new")

    assert stood == [False, False, True]  # the file, its directory; then the name
