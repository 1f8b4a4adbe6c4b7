"""A block of ports for one cluster, so that several run side by side."""

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from serve_app.launching.local_cluster import LaunchError

LOOPBACK = "127.0.0.1"
_FIRST, _LAST, _SIZE = 20000, 32000, 100  # below Linux's ephemeral range (32768)
_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # no block would be free


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `host:port` now."""
    with socket.socket() as probe:
        # As servers do: a connection of the last run in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _claimed(starts: Iterable[int]) -> tuple[int, socket.socket]:
    for first in starts:
        claim = socket.socket()
        try:
            claim.bind((LOOPBACK, first))
            if all(is_free(port) for port in range(first + 1, first + _SIZE)):
                return first, claim
        except OSError as error:
            if error.errno in _NO_MORE:
                raise
        claim.close()
    raise OSError(errno.EADDRINUSE, "no block of 100 free ports on this machine")


@dataclass(frozen=True)
class PortBlock:
    """`first` to `first + 99`; the claim is a socket bound to `first`."""

    first: int
    claim: socket.socket

    @classmethod
    def take(cls, starts: Iterable[int] = range(_FIRST, _LAST, _SIZE)) -> Self:
        """The first block that no other cluster claims and nothing listens in.

        LaunchError if there is none. The system drops the claim of a process that dies,
        so no block is lost.
        """
        try:
            return cls(*_claimed(starts))
        except OSError as error:
            raise LaunchError(f"ports for Ray: {error.strerror}") from None

    @property
    def last(self) -> int:
        return self.first + _SIZE - 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.claim.close()
