"""Where the request log of a Serve replica goes."""

import logging
from pathlib import Path

from ray import serve
from ray.serve._private.logging_utils import get_serve_logs_dir

from serve_app.observing.config import LoggingConfig
from serve_app.observing.request_files import RequestFile, of_all_runs
from serve_app.observing.request_log import RequestLog, stdout_handler

_MIB = 2**20


def replica_log(config: LoggingConfig) -> RequestLog | None:
    """As configured: in the directory of Serve's own logs, on stdout, or None."""
    if config.requests == "off":
        return None
    handler: logging.Handler
    if config.requests == "stdout":
        handler = stdout_handler()
    else:
        replica = serve.get_replica_context().replica_tag
        directory = Path(get_serve_logs_dir())
        handler = RequestFile(
            directory,
            replica,
            prompts=config.prompts,
            kept_bytes=config.kept_mib * _MIB,
            beside=of_all_runs(directory),
        )
    return RequestLog(handler, prompts=config.prompts)
