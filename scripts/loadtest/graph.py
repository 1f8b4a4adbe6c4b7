"""The gateway on this machine with the simulator behind it, and tenants who load it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from deployments.api_key import key_sha256
from scripts.loadtest.keys import DEFAULT_ENV
from scripts.served import local_config, served_as

# Tenant: its cost tier, its share of the requests, what it asks for.
_TENANTS: dict[str, tuple[str, float, list[str]]] = {
    "shop": ("economy", 5.0, ["auto"]),
    "support": ("balanced", 3.0, ["auto", "auto:economy"]),
    "research": ("quality", 1.0, ["auto", "auto:balanced", "gpt-4o-2024-08-06"]),
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes, and with which keys."""

    url: str
    keys: Path | None  # None: the key in AVENGERS_KEY
    environment: dict[str, str]


@contextmanager
def local_graph(simulator: dict[str, float]) -> Iterator[Target]:
    """Until the end of the block; `simulator`: what its pace is to be instead."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        secret_of = {
            tenant: f"sk-av-{secrets.token_urlsafe(16)}" for tenant in _TENANTS
        }
        keys = directory / "keys.yaml"
        keys.write_text(yaml.safe_dump(_key_file()), encoding="utf-8")
        with served_as(_config(secret_of, simulator), directory) as graph:
            variables = {_variable(tenant): key for tenant, key in secret_of.items()}
            yield Target(graph.url, keys, variables)


def _key_file() -> list[dict[str, Any]]:
    return [
        {"tenant": tenant, "env": _variable(tenant), "weight": weight, "models": models}
        for tenant, (_, weight, models) in _TENANTS.items()
    ]


def _variable(tenant: str) -> str:
    return f"{DEFAULT_ENV}_{tenant.upper()}"


def _config(secret_of: dict[str, str], simulator: dict[str, float]) -> Any:
    config = local_config()
    args = config["applications"][0]["args"]
    args["backends"]["simulator"] |= simulator
    args["tenants"] = [
        {
            "id": tenant,
            "cost_tier": tier,
            "keys": [{"sha256": key_sha256(secret_of[tenant])}],
        }
        for tenant, (tier, _, _) in _TENANTS.items()
    ]
    return config
