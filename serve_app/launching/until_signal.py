"""Runs a local cluster until it is told to end."""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from serve_app.launching.launch import local_cluster
from serve_app.launching.local_cluster import LocalCluster
from serve_app.launching.serve_config import ConfigError, with_address
from serve_app.marked_yaml import MarkedYaml

log = logging.getLogger(__name__)


class _Stopped(BaseException):
    """SIGTERM or SIGINT has come."""


def serve_until_signal(  # noqa: PLR0913  (the options of a command)
    document: MarkedYaml,
    *,
    host: str | None = None,
    port: int | None = None,
    dashboard: bool = False,
    patience_s: float = 120.0,
    on_ready: Callable[[LocalCluster], None],
) -> None:
    """Runs a Serve config until SIGINT or SIGTERM, then shuts down and returns.

    Raises LaunchError, also if it is not ready after `patience_s`; ConfigError. Answers
    that are under way end first; a second signal cuts them, further ones are ignored.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise _Stopped

    def listen() -> None:
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)

    config = with_address(document.data, host=host, port=port)
    listen()
    try:
        with local_cluster(config, dashboard=dashboard) as cluster:
            listen()  # ray.init has put its own handler for SIGTERM
            cluster.wait_until_ready(patience_s)
            on_ready(cluster)
            with suppress(_Stopped):
                while True:
                    signal.pause()
            listen()
            cluster.drain()
    except ConfigError as error:
        raise document.error(error.steps, error.what) from error
    except (_Stopped, SystemExit):
        pass
    log.info("stopped")
