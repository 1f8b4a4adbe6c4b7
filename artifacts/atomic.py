"""Putting a finished directory in the place of another, all at once."""

import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from glob import escape as glob_escape
from pathlib import Path

from artifacts.errors import ArtifactError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
_UNFINISHED = ".unfinished"  # how the names of directories end that are being filled


def check_replaceable(target: Path, marker: str, others: Collection[str] = ()) -> None:
    """ArtifactError if `target` is a file, holds files that are not ours to drop, or
    lies where nothing can be written.

    What we wrote before holds a file named `marker`, and nothing but that and `others`:
    a name like metrics.json is many a program's.
    """
    with _explained(target):
        place = resolved(target)
        probe(place)
        if not place.exists():
            return
        if not place.is_dir():
            raise ArtifactError(target, os.strerror(errno.ENOTDIR))
        names = {path.name for path in place.iterdir()}
        if names and marker not in names:
            what = f"it is not empty and holds no {marker}: it will not be replaced"
            raise ArtifactError(target, what)
        if foreign := sorted(names - {marker, *others}):
            what = (
                f"it holds {foreign[0]!r}, which is not ours: it will not be replaced"
            )
            raise ArtifactError(target, what)


@contextmanager
def replacing_directory(
    target: Path, marker: str, others: Collection[str] = ()
) -> Iterator[Path]:
    """A new, empty directory that becomes `target` when the block ends well.

    If the block raises, or the process dies at any moment, `target` is what it was
    before (on Linux; elsewhere there is an instant between two renames in which it
    does not exist and lies beside it as `.NAME-*.old`).

    ArtifactError: see `check_replaceable`; or the disk is full.
    """
    check_replaceable(target, marker, others)
    with _explained(target):
        target = resolved(target)
        with _staging(target) as staging:
            yield staging
            _sync_tree(staging)
            with _locked(target.parent):  # of two first saves, one replaces the other
                _swap_in(staging, target)


def place_once(target: Path, fill: Callable[[Path], None]) -> Path:
    """`target`, made by `fill` in a new directory unless it exists; all or nothing.

    Of several processes that make the same, the first to finish wins. What is there
    must therefore not depend on who made it.
    """
    if target.exists():
        return target
    with _staging(target) as staging:
        fill(staging)
        _sync_tree(staging)
        try:
            staging.rename(target)
        except OSError:
            if not target.exists():
                raise
        _sync(target.parent)
    return target


def resolved(target: Path) -> Path:
    """A link stays one; what it points to is replaced. OSError: it leads nowhere."""
    try:
        return target.resolve()
    except RuntimeError:  # what pathlib makes of ELOOP
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error)
        raise ArtifactError(target, f"it cannot be written: {what}") from None


def probe(target: Path) -> None:
    """OSError if no directory can be made beside `target`, or where its own parents
    would be made: permission bits do not tell for every file system and user."""
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    made = tempfile.mkdtemp(_UNFINISHED, f".{target.name}-", parent)
    with suppress(FileNotFoundError):  # another's save took it for a left-over
        Path(made).rmdir()


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A directory beside `target`; locked, so that nobody takes it for a left-over."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent):
        _drop_left_overs(target)
        staging = Path(tempfile.mkdtemp(_UNFINISHED, f".{target.name}-", target.parent))
        handle = os.open(staging, os.O_RDONLY)
        _lock(handle, fcntl.LOCK_EX)
    try:
        staging.chmod(0o755)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(handle)


def _drop_left_overs(target: Path) -> None:
    """Remove what killed processes have left while they were making `target`."""
    for path in target.parent.glob(f".{glob_escape(target.name)}-*{_UNFINISHED}"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    handle = os.open(directory, os.O_RDONLY)
    try:
        _lock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, kind: int) -> bool:
    """False where another holds it, or the file system (NFS) locks no directories."""
    try:
        fcntl.flock(handle, kind)
    except OSError:
        return False
    return True


def _swap_in(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
    elif not _exchange(staging, target):
        aside = staging.with_name(f"{staging.name}.old")
        target.rename(aside)
        staging.rename(target)
        shutil.rmtree(aside)
    _sync(target.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two directories in one step; False where the system has no such call."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    paths = os.fsencode(first), os.fsencode(second)
    failed = renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(second))


def _sync_tree(directory: Path) -> None:
    for path in directory.rglob("*"):
        _sync(path)
    _sync(directory)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
