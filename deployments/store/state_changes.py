"""What differs between two states of the accounts, told to people."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel

from deployments.rollout import StoredArtifact
from deployments.store.snapshot import Change
from deployments.store.state import State
from deployments.tenancy import TenantConfig


def changes(before: State, after: State) -> list[Change]:
    """Cost tiers first, then artifacts, tenants and rollouts, each by name."""
    configs = [
        {id: tenant.config for id, tenant in state.tenants.items()}
        for state in (before, after)
    ]
    tiers = _compared("cost_tier", before.cost_tiers, after.cost_tiers)
    artifacts = _compared("artifact", before.artifacts, after.artifacts)
    rollouts = _compared("rollout", before.rollouts, after.rollouts)
    return [*tiers, *artifacts, *_compared("tenant", *configs), *rollouts]


def _compared(
    of: Literal["tenant", "cost_tier", "artifact", "rollout"],
    before: Mapping[str, BaseModel],
    after: Mapping[str, BaseModel],
) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is new or old == new:
            continue
        kind: Literal["created", "changed", "deleted"] = "changed"
        if old is None or new is None:
            kind = "created" if old is None else "deleted"
        yield Change(kind, name, _fields(_flat(old), _flat(new)), of)


def _fields(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (before.get(name), after.get(name)) for name in {**before, **after}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _flat(config: BaseModel | None) -> dict[str, Any]:
    """Its fields, each key one of them."""
    if config is None:
        return {}
    fields = config.model_dump(mode="json", exclude_defaults=True, exclude={"keys"})
    fields.pop("name" if isinstance(config, StoredArtifact) else "id", None)
    for key in config.keys if isinstance(config, TenantConfig) else ():
        document = key.model_dump(mode="json", exclude_defaults=True)
        fields[f"keys.{key.key_id}"] = document
    return fields
