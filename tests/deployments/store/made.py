"""Records, tenants and moments for tests."""

from datetime import UTC, datetime
from typing import Any

from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.snapshot import Snapshot
from deployments.tenancy import TenantConfig
from deployments.usage.record import UsageRecord

MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)


def record(id: str = "use-1", at: datetime = JUNE, **changes: Any) -> UsageRecord:
    """One answered request of the tenant `t`: 10 + 5 tokens, 0.25 USD."""
    fields: dict[str, Any] = {
        "request_id": "req-1",
        "tenant": "t",
        "key_id": "k",
        "cost_tier": None,
        "alpha": 0.5,
        "surface": "chat/completions",
        "stream": False,
        "requested_model": "auto",
        "status": "answered",
        "latency_s": 0.25,
        "model": "small",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost_usd": 0.25,
        "cost_source": "upstream",
    }
    return UsageRecord(id=id, at=at.timestamp(), **{**fields, **changes})


def tenant(id: str = "t", **changes: Any) -> TenantConfig:
    """One whose alpha is 0.5."""
    return TenantConfig.model_validate({"id": id, "alpha": 0.5, **changes})


async def fresh(database: Database) -> Snapshot:
    """As one who has read nothing yet sees it."""
    return await Accounts(database).snapshot()
