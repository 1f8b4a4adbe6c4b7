"""Starts Ray and Serve on this machine alone and deploys a Serve config file to them.

The file goes the declarative way (Serve's `apply_config`), as it does under KubeRay,
so what runs here is what runs there. Ray is imported late: its settings
(`ray_settings`) have to be in the environment first.
"""

import logging
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from serve_app.launching.local_cluster import (
    LaunchError,
    LocalCluster,
    StartUp,
    last_line,
)
from serve_app.launching.ports import LOOPBACK, PortBlock, is_free
from serve_app.launching.processes import MARK, Family, end
from serve_app.launching.ray_settings import ANSWER_S, applied, settings
from serve_app.launching.ray_token import private_token
from serve_app.launching.scratch import scratch_directory
from serve_app.launching.serve_config import ConfigError, with_address
from serve_app.launching.watchdog import watched

log = logging.getLogger(__name__)

_START_ATTEMPTS = 3  # ray.init gives a node 30 s, which a loaded machine may miss
_LOGICAL_CPUS = 64  # actors ask for shares of these; real cores are not reserved
_OBJECT_STORE_BYTES = 256 * 2**20
_POLL_S = 0.1
_DRAIN_S = 15.0  # longer than a Gateway waits for what answers have cost (11 s)
_WORKER_HOOK = "serve_app.launching.loopback.bind_replicas"


@contextmanager
def local_cluster(
    config: Mapping[str, Any], *, dashboard: bool = False, answer_s: float = ANSWER_S
) -> Iterator[LocalCluster]:
    """Ray and Serve with `config` submitted; on leaving, all of it is gone.

    HAProxy waits for an answer for somewhat longer than `answer_s`.
    Raises LaunchError (port taken, no room, Ray does not start), ConfigError.
    """
    http = with_address(config)["http_options"]
    _check_address(http["host"], http["port"])
    with ExitStack() as stack:
        ports = stack.enter_context(PortBlock.take())
        directory = stack.enter_context(scratch_directory())
        stack.enter_context(watched(directory.name, directory))
        token = private_token(directory)
        chosen = settings(ports, directory, token, answer_s=answer_s)
        stack.enter_context(applied(chosen))
        stack.callback(end, Family(directory.name))
        stack.callback(_stop)
        yield _start(with_address(config), directory.name, dashboard=dashboard)


def _check_address(host: str, port: int) -> None:
    if not host:  # of a variable that is not set; it would mean all addresses
        raise LaunchError("an address to bind was expected; 0.0.0.0 are all")
    try:
        free = is_free(port, host=host)
    except OSError as error:  # not this machine's address, or a port for root only
        raise LaunchError(f"{host}:{port}: {error.strerror}") from None
    except TypeError as error:  # what no resolver is asked for
        raise LaunchError(f"{host!r}: {error}") from None
    if not free:
        raise LaunchError(f"port {port} on {host} is already in use")


def _start(config: Mapping[str, Any], mark: str, *, dashboard: bool) -> LocalCluster:
    times = [time.monotonic()]
    import ray
    from pydantic import ValidationError
    from ray.serve._private import api
    from ray.serve.config import gRPCOptions
    from ray.serve.schema import ServeDeploySchema

    try:
        schema = ServeDeploySchema.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(first["loc"], first["msg"]) from error
    except (ImportError, AttributeError) as error:  # a policy's class is nowhere
        raise ConfigError((), f"Serve config: {error}") from error
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    times.append(time.monotonic())
    context = _start_ray(mark, dashboard=dashboard)
    times.append(time.monotonic())
    try:
        client = api.serve_start(
            http_options=schema.http_options.model_dump(),
            proxy_location=schema.proxy_location,
            grpc_options=gRPCOptions(**schema.grpc_options.model_dump()),
            global_logging_config=schema.logging_config,
            controller_options=schema.controller_options,
        )
        client.deploy_apps(schema)
    except (RuntimeError, TimeoutError, ray.exceptions.RayError) as error:
        raise LaunchError(f"Serve did not start: {last_line(str(error))}") from error
    times.append(time.monotonic())
    parts = (after - before for before, after in pairwise(times))
    dashboard_url = context.dashboard_url
    node = ray._private.worker.global_worker.node
    return LocalCluster(
        host=schema.http_options.host,
        port=schema.http_options.port,
        logs=Path(node.get_logs_dir_path()),
        start_up=StartUp(*parts),
        dashboard_url=f"http://{dashboard_url}" if dashboard_url else None,
        metrics_url=f"http://{LOOPBACK}:{node.metrics_export_port}/metrics",
        _client=client,
        _apps=tuple(app.name for app in schema.applications),
    )


def _start_ray(mark: str, *, dashboard: bool) -> Any:
    import ray

    os.environ[MARK] = mark
    try:
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                return ray.init(
                    address="local",  # never joins a cluster that already runs
                    namespace="serve",
                    num_cpus=_LOGICAL_CPUS,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    include_dashboard=dashboard,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    runtime_env=_worker_environment(sys.executable),
                )
            except Exception as error:  # noqa: BLE001  (Ray raises bare Exception here)
                log.warning("Ray did not start (attempt %d): %s", attempt, error)
                reason = last_line(str(error) or type(error).__name__)
                ray.shutdown()
                end(Family(mark))
        raise LaunchError(f"Ray did not start in {_START_ATTEMPTS} attempts: {reason}")
    finally:
        del os.environ[MARK]


def _worker_environment(executable: str) -> dict[str, str]:
    """Ray starts a worker through a shell, and does not quote Python's path there."""
    chosen = {"worker_process_setup_hook": _WORKER_HOOK}
    quoted = shlex.quote(executable)
    return chosen if quoted == executable else chosen | {"py_executable": quoted}


def _stop() -> None:
    """Serve first, which drains and lets replicas finish, then Ray."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return
    from ray.serve import context
    from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE

    client = context._get_global_client(raise_if_no_controller_running=False)
    if client is not None:
        # Not client.shutdown(): its call dies with the controller, which Ray reports.
        stopping = client._controller.graceful_shutdown.remote(wait=False)
        end = time.monotonic() + _DRAIN_S
        # ValueError: no such actor any more. RayError: it hangs or is dead already.
        with suppress(ValueError, ray.exceptions.RayError):
            ray.get(stopping, timeout=_DRAIN_S)
            while time.monotonic() < end:
                ray.get_actor(SERVE_CONTROLLER_NAME, namespace=SERVE_NAMESPACE)
                time.sleep(_POLL_S)
        context._set_global_client(None)
    ray.shutdown()
