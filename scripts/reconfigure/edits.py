"""Edits of the Serve config, what each is to restart, and how it shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.reprice import reprice
from artifacts.store import ENCODER, load, save
from artifacts.token_price import TokenPrice
from scripts.reconfigure.graph import OTHER_KEY, Config, Graph, deployment
from scripts.reconfigure.load import Outcome

ALL = frozenset({"Gateway", "Router", "Embedder", "OpenRouterBackend", "Ledger"})
_ALPHA = 0.93
_PRICE_USD = 0.0000042  # of a token, which no model has before


@dataclass(frozen=True)
class Edit:
    """`restarts` names the deployments whose replicas are replaced; a live edit has
    none. `seen` says of an answer whether it was made under it."""

    name: str
    change: Callable[[Config], None]
    restarts: frozenset[str] = frozenset()
    seen: Callable[[Outcome], bool] | None = None
    check: Callable[[Graph], bool] = field(default=lambda graph: True)

    @property
    def is_live(self) -> bool:
        return not self.restarts


def edits(directory: Path) -> list[Edit]:
    """All of them; another artifact is made in `directory`."""
    other, artifact_id = _other_artifact(directory / "other-artifact")
    return [
        Edit(
            "α of a tier (Gateway.user_config)",
            _alpha,
            seen=lambda one: one.alpha == _ALPHA,
        ),
        Edit(
            "a new tenant, another price (Gateway.user_config)",
            _tenant_and_price,
            check=_other_tenant_is_served,
        ),
        Edit(
            "another artifact (Router.user_config)",
            lambda config: _set(config, "Router", user_config={"artifact": other}),
            seen=lambda one: one.artifact == artifact_id,
        ),
        Edit(
            "more replicas (Gateway.num_replicas)",
            lambda config: _set(config, "Gateway", num_replicas=3),
            check=lambda graph: len(graph.replicas()["Gateway"]) == 3,
        ),
        Edit(
            "other bounds (Router.autoscaling_config)",
            _bounds,
            check=lambda graph: len(graph.replicas()["Router"]) == 2,
        ),
        Edit(
            "max_ongoing_requests (Gateway)",
            lambda config: _set(config, "Gateway", max_ongoing_requests=300),
        ),
        Edit(
            "ray_actor_options (Router)",
            lambda config: _set(config, "Router", ray_actor_options={"num_cpus": 0.2}),
            restarts=frozenset({"Router"}),
        ),
        Edit("a policy (Embedder.autoscaling_config)", _policy, restarts=ALL),
        Edit("args (limits)", _limits, restarts=ALL),
    ]


def _set(config: Config, name: str, **options: object) -> None:
    deployment(config, name).update(options)


def _alpha(config: Config) -> None:
    live = deployment(config, "Gateway")["user_config"]
    live["cost_tiers"]["balanced"]["alpha"] = _ALPHA


def _tenant_and_price(config: Config) -> None:
    live = deployment(config, "Gateway")["user_config"]
    live["tenants"].append(
        {"id": "other", "cost_tier": "quality", "keys": [{"env": "AVENGERS_OTHER_KEY"}]}
    )
    live["catalog"]["models"][0]["price"]["input_usd_per_token"] = _PRICE_USD


def _bounds(config: Config) -> None:
    scaling = deployment(config, "Router")["autoscaling_config"]
    scaling |= {"min_replicas": 2, "max_replicas": 2}


def _policy(config: Config) -> None:
    scaling = deployment(config, "Embedder")["autoscaling_config"]
    scaling["policy"]["policy_kwargs"]["capacity"] *= 2


def _limits(config: Config) -> None:
    config["applications"][0]["args"]["limits"]["max_body_bytes"] = 5_000_000


def _other_tenant_is_served(graph: Graph) -> bool:
    headers = {"authorization": f"Bearer {OTHER_KEY}"}
    response = httpx.get(f"{graph.url}/v1/models", headers=headers, timeout=30)
    return response.status_code == 200 and is_repriced(response.json()["data"])


def is_repriced(listed: Iterable[dict[str, Any]]) -> bool:
    """Whether a list of models tells the price of the edit."""
    prices = (model.get("pricing", {}).get("prompt") for model in listed)
    return any(price and float(price) == _PRICE_USD for price in prices)


def _other_artifact(directory: Path) -> tuple[str, str]:
    """The bundled one at another price; its directory, and its id in the header."""
    bundled = artifact_directory(BUNDLED_ARTIFACT)
    artifact = load(bundled)
    model = artifact.models[0]
    changed = reprice(artifact, {model: TokenPrice(0.000002, 0.000004)})
    save(changed, directory, encoder_directory=bundled / ENCODER)
    return str(directory), changed.manifest.artifact_id[:12]
