"""Tenants, keys and usage records for scripts/bench/tenants."""

from datetime import UTC, datetime

from deployments.api_key import key_sha256
from deployments.tenancy import CostTier, TenantConfig
from deployments.usage.record import UsageRecord

MODELS = [f"model-{n:02d}" for n in range(12)]
TIERS = {"economy": CostTier(alpha=0.2), "quality": CostTier(alpha=0.9)}
START = datetime(2026, 6, 1, tzinfo=UTC)


def secret(tenant: int, key: int) -> str:
    """The key that a client of the bench sends."""
    return f"sk-av-bench-{tenant}-{key}"


def made_tenants(tenants: int, keys: int) -> list[TenantConfig]:
    """Tenants with budgets, limits, models of their own and some metadata."""
    return [
        TenantConfig.model_validate(
            {
                "id": f"tenant-{n:06d}",
                "name": f"Tenant number {n}",
                "cost_tier": ("economy", "quality")[n % 2],
                "models": [MODELS[(n + m) % len(MODELS)] for m in range(5)],
                "max_budget": 100.0,
                "rpm_limit": 600,
                "metadata": {"customer": str(n)},
                "keys": [
                    {"sha256": key_sha256(secret(n, key)), "name": f"key {key}"}
                    for key in range(keys)
                ],
            }
        )
        for n in range(tenants)
    ]


def made_records(batch: int, size: int) -> list[UsageRecord]:
    """Answered requests of a hundred tenants within an hour."""
    return [
        UsageRecord(
            id=f"use-{batch:04d}-{n:06d}",
            request_id=f"req-{n}",
            at=START.timestamp() + n * 3600 / size,
            tenant=f"tenant-{n % 100:06d}",
            key_id="0123456789ab",
            cost_tier="economy",
            alpha=0.2,
            surface="chat/completions",
            stream=True,
            requested_model="auto",
            status="answered",
            latency_s=1.25,
            model=MODELS[n % len(MODELS)],
            backend="openrouter",
            provider="Provider",
            cause="routed",
            first_byte_s=0.5,
            prompt_tokens=900,
            completion_tokens=300,
            cached_tokens=0,
            cost_usd=0.00123,
            cost_source="upstream",
            artifact_id="5f21c9f56970",
            clusters=(3, 14, 15),
            reserved_usd=0.01,
            replica="gateway-1",
        )
        for n in range(size)
    ]
