"""Keeps the port between Serve's replicas off the network; runs in Ray's workers.

Ray binds its own servers to the loopback address on a loopback cluster, but a Serve
replica listens for calls from other deployments on every interface, and unpickles
what it gets there without asking who sends it.
"""

from collections.abc import Callable

from ray._common import tls_utils

_bind: Callable[[object, str], int] = tls_utils.add_port_to_grpc_server


def _bind_loopback(server: object, address: str) -> int:
    return _bind(server, address.replace("[::]", "127.0.0.1"))


def bind_replicas() -> None:
    """Ray's worker set-up hook: must run before `ray.serve`'s replica is imported."""
    tls_utils.add_port_to_grpc_server = _bind_loopback
