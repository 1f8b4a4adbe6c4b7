"""Many tenants in a database, many models in an artifact: made up for a measurement."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from artifacts.arrays import arrays_digest, arrays_of
from artifacts.calibrated import CalibratedPolicy
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.onnx_encoder import read_spec
from artifacts.store import ENCODER, save
from deployments.api_key import key_sha256
from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.tenancy import CostTier, TenantConfig
from scripts.bench.random_artifact import random_artifact
from scripts.overhead.wire import tenant_key
from scripts.served import local_config

DATABASE = "avengers.db"  # where local.yaml has it, below AVENGERS_VAR
_CLUSTERS = 60


# So large that nobody reaches them; each of them is counted all the same.
_LIMITS = {
    "rpm_limit": 10**9,
    "tpm_limit": 10**12,
    "max_parallel_requests": 10**6,
}


async def store_tenants(path: Path, number: int, *, limited: bool) -> None:
    """Tenants, each with a key, in a new SQLite database; with all limits and a budget,
    or with none."""
    limits = {**_LIMITS, "max_budget": 1e6} if limited else {}
    tenants = [
        TenantConfig.model_validate(
            {
                "id": f"tenant-{n:06d}",
                "cost_tier": "balanced",
                "keys": [{"sha256": key_sha256(tenant_key(n).decode())}],
                **limits,
            }
        )
        for n in range(number)
    ]
    database = Database(f"sqlite:///{path}")
    await database.open()
    try:
        tiers = {"balanced": CostTier(alpha=0.5)}
        await Accounts(database).apply(tenants, tiers, prune=True)
    finally:
        await database.close()


def store_models(directory: Path, number: int) -> dict[str, Any]:
    """An artifact of random tables with the real encoder; the `args` that serve it."""
    encoder = artifact_directory(BUNDLED_ARTIFACT) / ENCODER
    spec = read_spec(encoder)
    artifact = random_artifact(
        CalibratedPolicy(), models=number, clusters=_CLUSTERS, dimension=spec.dimension
    )
    digest = arrays_digest(arrays_of(artifact.centroids, artifact.profiles))
    manifest = artifact.manifest.model_copy(
        update={"encoder": spec, "artifact_id": digest}
    )
    save(replace(artifact, manifest=manifest), directory, encoder_directory=encoder)
    first = artifact.models[0]
    return {
        "artifact": str(directory),
        "catalog": {"models": [_model(model) for model in artifact.models]},
        "default_model": first,
        "tenants": [{**each, "reference_model": first} for each in _local_tenants()],
    }


def _local_tenants() -> list[dict[str, Any]]:
    tenants: list[dict[str, Any]] = local_config()["applications"][0]["args"]["tenants"]
    return tenants


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "upstream_model": f"made-up/{name}",
        "price": {"input_usd_per_token": 1e-6, "output_usd_per_token": 2e-6},
        "context_window": 128_000,
        "max_output_tokens": 8192,
        "capabilities": [],
    }
