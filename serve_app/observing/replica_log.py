"""Where the request log of a Serve replica goes."""

import logging
from pathlib import Path

from ray import serve
from ray.serve._private.logging_utils import get_serve_logs_dir

from serve_app.observing.config import LoggingConfig
from serve_app.observing.request_log import RequestLog, file_handler, stdout_handler


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
        handler = file_handler(directory, replica, prompts=config.prompts)
    return RequestLog(handler, prompts=config.prompts)
