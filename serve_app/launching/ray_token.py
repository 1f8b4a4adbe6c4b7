"""Ray's token: who has it runs code as us, so it is for its owner only.

Ray itself writes it with the process's umask: as a rule, for every user of the machine
to read.
"""

import os
import secrets
import tempfile
from pathlib import Path

from serve_app.launching.local_cluster import LaunchError

_GIVEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_BYTES = 32  # as Ray's own


def keep_token_private() -> None:
    """Make the token where Ray looks for it, or close one that is there to others.

    Where the environment gives one, nothing is done. LaunchError if it cannot be.
    """
    if any(os.environ.get(name) for name in _GIVEN):
        return
    path = Path.home() / ".ray" / "auth_token"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _place(path)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        what = f"{path}: Ray's token cannot be kept there: {error.strerror}"
        raise LaunchError(f"{what}; {_GIVEN[1]} may name another file") from None


def _place(path: Path) -> None:
    """Whole or not at all: another run may look for it, or make it, just now."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_BYTES))
        os.link(name, path)
    except FileExistsError:
        pass  # the other run's
    finally:
        Path(name).unlink()
