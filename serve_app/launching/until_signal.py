"""Runs a local cluster until it is told to end."""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from serve_app.launching.launch import local_cluster
from serve_app.launching.local_cluster import LocalCluster
from serve_app.launching.ray_settings import ANSWER_S
from serve_app.launching.serve_config import ConfigError, with_address
from serve_app.marked_yaml import MarkedYaml

log = logging.getLogger(__name__)


class _Stopped(BaseException):
    """SIGTERM, SIGINT or SIGHUP has come."""


def serve_until_signal(  # noqa: PLR0913  (the options of a command)
    document: MarkedYaml,
    *,
    host: str | None = None,
    port: int | None = None,
    dashboard: bool = False,
    patience_s: float = 120.0,
    answer_s: float = ANSWER_S,
    on_ready: Callable[[LocalCluster], None],
) -> None:
    """Runs a Serve config until SIGINT, SIGTERM or SIGHUP, then shuts down and returns.

    Raises LaunchError, also if it is not ready after `patience_s`; ConfigError. Answers
    that are under way end first; a second signal cuts them, further ones are ignored.
    Under `nohup` SIGHUP stays ignored.
    """
    kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    ends = {signal.SIGINT, signal.SIGTERM} | (set() if kept else {signal.SIGHUP})

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for each in ends:
            signal.signal(each, signal.SIG_IGN)
        raise _Stopped

    def listen() -> None:
        for each in ends:
            signal.signal(each, stop)

    config = with_address(document.data, host=host, port=port)
    listen()
    try:
        with local_cluster(config, dashboard=dashboard, answer_s=answer_s) as cluster:
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
