"""A process that ends a cluster when the launcher of it is gone, however it went.

It waits for the end of a pipe that only the launcher holds: the system closes it even
for a process that is killed and can clean up nothing.
"""

import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve_app.launching.local_cluster import LaunchError
from serve_app.launching.processes import Family, end

_LOOK_EVERY_S = 2.0


@contextmanager
def watched(mark: str, directory: Path) -> Iterator[None]:
    """Whatever carries the mark, and the directory, does not outlive this process."""
    # A session of its own: Ctrl-C at the terminal is for the launcher, not for it.
    # -P: what lies in the folder where it is started is not taken for a module.
    try:
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, mark, str(directory)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:  # so many processes or open files, and no more
        what = f"no process can be started: {error.strerror}"
        raise LaunchError(what) from None
    with started:
        yield


def main() -> None:
    """Wait for the launcher's end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    mark, directory = sys.argv[1:]
    family = Family(mark)
    # Whose child one was cannot be seen once its parent is gone, so it is seen before.
    while not select.select([sys.stdin], [], [], _LOOK_EVERY_S)[0]:
        family.alive()
    end(family)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
