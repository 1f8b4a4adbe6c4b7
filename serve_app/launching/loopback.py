"""Keeps what lies behind HAProxy off the network; runs in Ray's workers.

Ray binds its own servers to the loopback address on a loopback cluster, but a Serve
replica listens for calls from other deployments on every interface, and unpickles
what it gets there without asking who sends it.

For HTTP replicas listen at the address that is HAProxy's, and so does Ray's fallback
proxy. HAProxy looks for them on the loopback address and would find none at any other;
and whoever came to them from the network would come past its limits.
"""

import os
from collections.abc import Callable
from typing import Any

from ray._common import tls_utils

from serve_app.launching.ports import LOOPBACK

_bind: Callable[[object, str], int] = tls_utils.add_port_to_grpc_server


def _bind_loopback(server: object, address: str) -> int:
    return _bind(server, address.replace("[::]", LOOPBACK))


def bind_replicas() -> None:
    """Ray's worker set-up hook: must run before `ray.serve`'s replica is imported."""
    tls_utils.add_port_to_grpc_server = _bind_loopback
    if os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") == "1":
        _listen_behind_haproxy()


def _listen_behind_haproxy() -> None:
    # Only now: it takes the function above when it is imported.
    from ray.serve._private import http_util, proxy, replica

    start = http_util.start_asgi_http_server

    async def start_on_loopback(app: Any, options: Any, **others: Any) -> Any:
        on_loopback = options.model_copy(update={"host": LOOPBACK})
        return await start(app, on_loopback, **others)

    for module in (proxy, replica):
        module.start_asgi_http_server = start_on_loopback
