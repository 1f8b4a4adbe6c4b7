"""The real graph with the fault upstream behind it: for checks of faults and bills."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from deployments.api_key import key_sha256
from deployments.usage.journal import read_journal
from deployments.usage.record import UsageRecord
from scripts.placing import place
from scripts.served import Served, local_config, served_as
from scripts.upstream.api import Upstream
from scripts.upstream.ledger import Entry
from scripts.upstream.listener import listening
from scripts.upstream.settings import ModelSettings, Settings
from scripts.upstream.tls import make_authority

TIMEOUTS = {
    "connect_s": 1.0,
    "first_token_s": 1.0,
    "between_tokens_s": 1.0,
    "total_s": 2.5,
}
MODELS = ("gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022")

# Not the prices of the catalog: what is recorded must be what the upstream says.
PRICES = ModelSettings(
    completion_tokens=12, input_usd_per_token=7e-6, output_usd_per_token=13e-6
)


@dataclass(frozen=True)
class Graph:
    """The gateway, the upstream behind it, and what both wrote down."""

    served: Served
    upstream: Upstream
    journal: Path
    protocol: str

    def records(self) -> dict[str, list[UsageRecord]]:
        """Usage records by the request id that the client gave."""
        found: dict[str, list[UsageRecord]] = {}
        for record in read_journal(self.journal):
            found.setdefault(record.request_id, []).append(record)
        return found

    def entries(self, name: str = "row") -> dict[str, list[Entry]]:
        """The upstream's ledger by the client's `metadata[name]`."""
        found: dict[str, list[Entry]] = {}
        for entry in self.upstream.ledger.entries:
            found.setdefault(str(entry.metadata.get(name)), []).append(entry)
        return found

    def ranking(self, question: str) -> list[str]:
        """MODELS in the order in which the router would ask them."""
        body = {"messages": [{"role": "user", "content": question}]}
        response = httpx.post(
            f"{self.served.url}/v1/route",
            json={**body, "routing": {"alpha": 1.0, "models": list(MODELS)}},
            headers={"authorization": f"Bearer {tenant_key(0)}"},
            timeout=60,
        )
        response.raise_for_status()
        return [row["model"] for row in response.json()["ranking"]]


def tenant_key(number: int) -> str:
    """The gateway's key of one of the tenants."""
    return f"sk-av-faults-{number:04}"


def upstream_model(model: str) -> str:
    """The upstream's name of one of MODELS."""
    specs = local_config()["applications"][0]["args"]["catalog"]["models"]
    return next(spec["upstream_model"] for spec in specs if spec["id"] == model)


@contextmanager
def upstream_graph(
    *,
    tenants: int,
    http2: bool,
    settings: Settings | None = None,
    timeouts: Mapping[str, float] = TIMEOUTS,
    placement: str = "deployment",
) -> Iterator[Graph]:
    """Gateway and upstream until the end of the block.

    Each tenant has an upstream key of its own, and so circuit breakers of its own: one
    row's faults do not close a model to the next row.
    """
    # That the upstream writes to a connection which the gateway has closed is no news.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    upstream = Upstream(settings or Settings(default=PRICES))
    with TemporaryDirectory() as name:
        directory = Path(name)
        variables = {_variable(number): f"up-{number:04}" for number in range(tenants)}
        tls = None
        if http2:
            tls, authority = make_authority(directory)
            variables["SSL_CERT_FILE"] = str(authority)
        variables["OPENROUTER_API_KEY"] = "up-operator"
        with listening(upstream, tls=tls) as url:
            config = _config(url, tenants, directory / "journal", timeouts)
            args = config["applications"][0]["args"]
            args["backends"]["openrouter"]["http2"] = http2
            place(config, placement)
            with served_as(config, directory, **variables) as graph:
                protocol = "HTTP/2" if http2 else "HTTP/1.1"
                yield Graph(graph, upstream, directory / "journal", protocol)


def _variable(number: int) -> str:
    return f"AVENGERS_FAULTS_KEY_{number}"


def _config(
    url: str, tenants: int, journal: Path, timeouts: Mapping[str, float]
) -> dict[str, Any]:
    """The local configuration with our upstream, short timeouts and many tenants."""
    config = local_config()
    args = config["applications"][0]["args"]
    args["backends"]["openrouter"]["base_url"] = f"{url}/api/v1/"
    args["backends"]["without_key"] = "refuse"
    args["usage"] = {"journal": str(journal)}
    del args["database"]  # the journal is read, and not shipped
    # The machine may be slow; no row is about routing.
    args["limits"] = {"route_timeout_s": 20.0}
    for model in args["catalog"]["models"]:
        model["timeouts"] = dict(timeouts)
    args["tenants"] = [
        {
            "id": f"row-{number:04}",
            "alpha": 1.0,
            "keys": [{"sha256": key_sha256(tenant_key(number))}],
            "byok": {"openrouter": _variable(number)},
        }
        for number in range(tenants)
    ]
    return dict(config)
