"""The real graph with budgets, faults and a model without price, traces on."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from artifacts.extend import remove_models
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import load, save
from deployments.api_key import key_sha256
from scripts.observability.otlp import Receiver, receiving
from scripts.served import ADMIN_KEY, Served, local_config, served_as
from scripts.upstream.api import Upstream
from scripts.upstream.listener import listening
from scripts.upstream.settings import ModelSettings, Settings

BROKEN = "llama-3.1-8b-instruct"  # its upstream always fails
SOUND = "gemma-2-9b-it"
SLOW = "mistral-large-2407"
DEAR = "claude-3-5-sonnet-20241022"
UNKNOWN = "unmeasured"  # the artifact does not know it, and nobody its price
FAVOURITE = "gpt-4o-mini-2024-07-18"  # of the bundled artifact, for most questions
_SHADOW = "shadow"
_TAKEN_S = 3.0  # replicas take what an admin changes within a second or so
# A process tells the node's agent this often what it counted; by default 10. What was
# not told for twice as long is forgotten, and gauges (ours, Serve's) are set every 5 s:
# so it cannot be more often.
REPORT_S = 6

_REFERENCES = {
    "acme": {"max_budget": 1.0, "reference_model": DEAR},
    "poor": {"max_budget": 1e-7},
    "proud": {"reference_model": SOUND},
}


@dataclass(frozen=True)
class Graph:
    """A running graph, and where it tells things."""

    served: Served
    receiver: Receiver

    @property
    def metrics_url(self) -> str:
        return self.served.said_of("metrics")

    def log_lines(self) -> list[str]:
        """The log of requests of all replicas."""
        directory = Path(self.served.said_of("logs")) / "serve"
        files = sorted(directory.glob("requests_*.log"))
        return [
            line
            for path in files
            for line in path.read_text(encoding="utf-8").splitlines()
        ]


def key_of(tenant: str) -> str:
    """The key of one of the tenants."""
    return f"sk-av-{tenant}"


@contextmanager
def observed_graph() -> Iterator[Graph]:
    """Until the end of the block."""
    # That the upstream writes to a connection which the gateway has closed is no news.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with (
        TemporaryDirectory() as name,
        listening(Upstream(_upstream())) as url,
        receiving() as (receiver, endpoint),
    ):
        directory = Path(name)
        bundled = load(artifact_directory(BUNDLED_ARTIFACT))
        save(remove_models(bundled, [FAVOURITE]), directory / _SHADOW)
        environment = {
            "OPENROUTER_API_KEY": "up-operator",
            "RAY_metrics_report_interval_ms": str(REPORT_S * 1000),
        }
        config = _config(directory, url, endpoint)
        with served_as(config, directory, **environment) as graph:
            _set_shadow(graph)
            yield Graph(graph, receiver)


def _set_shadow(graph: Served) -> None:
    """An artifact decides beside the other, which may not choose its favourite."""
    response = httpx.put(
        f"{graph.url}/admin/v1/rollout/shadow",
        json={"artifact": _SHADOW, "percent": 100},
        headers={"authorization": f"Bearer {ADMIN_KEY}"},
        timeout=60,
    )
    response.raise_for_status()
    time.sleep(_TAKEN_S)


def _upstream() -> Settings:
    names = {model["id"]: model["upstream_model"] for model in _models()}
    return Settings(
        models={
            names[BROKEN]: ModelSettings(schedule=("500",)),
            names[SLOW]: ModelSettings(tokens_per_s=10, completion_tokens=40),
        }
    )


def _models() -> list[dict[str, Any]]:
    args = local_config()["applications"][0]["args"]
    models: list[dict[str, Any]] = args["catalog"]["models"]
    return models


def _config(directory: Path, upstream: str, endpoint: str) -> Any:
    config = local_config()
    args = config["applications"][0]["args"]
    args["backends"]["openrouter"]["base_url"] = f"{upstream}/api/v1/"
    args["backends"]["simulator"] |= {"first_token_s": 0.01, "tokens_per_s": 2000}
    args["catalog"]["models"].append(
        {"id": UNKNOWN, "upstream_model": "x/unmeasured", "backend": "simulator"}
    )
    args["artifacts"] = {_SHADOW: str(directory / _SHADOW)}
    args["database"] = {"url": f"sqlite:///{directory / 'avengers.db'}"}
    args["usage"] = {"journal": str(directory / "journal")}
    # The machine may be slow; nothing here is about routing that takes long.
    args["limits"] = {"route_timeout_s": 20}
    args["breaker"] = {"failures": 3, "open_s": 300}
    args["retries"] = {"backoff_s": 0.05}
    args["telemetry"] = {"endpoint": endpoint, "sampling": 1.0}
    args["tenants"] = [
        {
            "id": tenant,
            "cost_tier": "balanced",
            "keys": [{"sha256": key_sha256(key_of(tenant))}],
            **terms,
        }
        for tenant, terms in _REFERENCES.items()
    ]
    return config
