"""The whole graph, Ledger and OpenRouterBackend included, for bench/constants."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from deployments.api_key import key_sha256
from scripts.placing import PLACES, place
from scripts.scaling.constants import WAYS, Way
from scripts.served import Served, local_config, served_as
from scripts.upstream.api import Upstream
from scripts.upstream.listener import listening
from scripts.upstream.settings import ModelSettings, Settings

KEY = "sk-av-constants"
STREAM_TOKENS, STREAM_S = 50, 1.0
# Asked for plain requests, and for streams at a usual pace.
FAST, PACED = "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"
NODE = "Node"  # HAProxy, controller, raylet, GCS and agents
_REPLICA = re.compile(r"ServeReplica:avengers:(\w+)")
_START = re.compile(r"replicas (\d+\.\d+)\)")


@dataclass(frozen=True)
class ConstantsGraph:
    """A running graph, its processes by deployment, and its upstream."""

    served: Served
    upstream_url: str

    def processes(self) -> dict[str, list[psutil.Process]]:
        """By deployment; `Node` is all the rest that Ray runs."""
        found: dict[str, list[psutil.Process]] = {}
        for process in self.served.process.children(recursive=True):
            try:
                match = _REPLICA.search(" ".join(process.cmdline()))
            except psutil.Error:
                continue  # it has ended meanwhile
            found.setdefault(match[1] if match else NODE, []).append(process)
        return found

    def cpu_s(self) -> dict[str, float]:
        """CPU time used so far, by deployment."""
        used: dict[str, float] = {}
        for name, processes in self.processes().items():
            for process in processes:
                try:
                    times = process.cpu_times()
                except psutil.Error:
                    continue
                used[name] = used.get(name, 0.0) + times.user + times.system
        return used

    def memory_mib(self) -> dict[str, float]:
        """Proportional set size, by deployment."""
        sizes: dict[str, float] = {}
        for name, processes in self.processes().items():
            for process in processes:
                try:
                    size = process.memory_full_info().pss
                except psutil.Error:
                    continue
                sizes[name] = sizes.get(name, 0.0) + size / 2**20
        return sizes

    def start_s(self) -> float:
        """From the deployment of the application until every replica was ready."""
        match = _START.search(self.served.said)
        if match is None:
            raise SystemExit("scripts/serve does not say how long its replicas took")
        return float(match[1])


@contextmanager
def constants_graph(way: Way = WAYS[0]) -> Iterator[ConstantsGraph]:
    """Until the end of the block."""
    paced = ModelSettings(
        completion_tokens=STREAM_TOKENS, tokens_per_s=STREAM_TOKENS / STREAM_S
    )
    local = local_config()
    models = local["applications"][0]["args"]["catalog"]["models"]
    named = {model["id"]: model["upstream_model"] for model in models}
    upstream = Upstream(Settings(models={named[PACED]: paced}, keep_bodies=0))
    with TemporaryDirectory() as name, listening(upstream) as url:
        directory = Path(name)
        config = _config(local, url, directory, way)
        with served_as(config, directory, OPENROUTER_API_KEY="up-constants") as graph:
            yield ConstantsGraph(graph, url)


def _config(local: Any, url: str, directory: Path, way: Way) -> Any:
    place(local, PLACES[way.in_gateway])
    args = local["applications"][0]["args"]
    upstream = {"base_url": f"{url}/api/v1/", "gather_ms": way.gather_ms}
    args["backends"]["openrouter"] |= upstream
    args["usage"] = {"journal": str(directory / "journal")}
    args["database"] = {"url": f"sqlite:///{directory / 'usage.db'}"}
    args["limits"] = {"route_timeout_s": 20}  # nothing here is about a slow machine
    # All kinds of leases are drawn on, and none is ever exhausted.
    args["tenants"] = [
        {
            "id": "measured",
            "alpha": 0.5,
            "keys": [{"sha256": key_sha256(KEY)}],
            "rpm_limit": 10_000_000,
            "max_parallel_requests": 100_000,
            "max_budget": 1e6,
        }
    ]
    return local
