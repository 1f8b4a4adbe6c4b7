"""Ray's token: who has it runs code as us, so it is for its owner only.

Ray itself writes it with the process's umask: as a rule, for every user of the machine
to read.
"""

import os
import secrets
import tempfile
from pathlib import Path

_GIVEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_BYTES = 32  # as Ray's own


def private_token(fallback: Path) -> Path | None:
    """The file with the token; None where the environment gives one.

    It lies where Ray looks for it: made if need be, and closed to others. Where no home
    takes it (read-only, of another user, none) it is made in the directory `fallback`,
    which no other user can enter.
    """
    if any(os.environ.get(name) for name in _GIVEN):
        return None
    try:
        return _kept(Path.home() / ".ray" / "auth_token")
    except (OSError, RuntimeError):
        return _kept(fallback / "auth_token")


def _kept(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _place(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    path.read_bytes()  # which another user's does not allow
    return path


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
