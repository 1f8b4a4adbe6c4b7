"""What a file of tenants makes of the accounts. Pure; knows no SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from deployments.store.errors import Refused
from deployments.store.state import KeyOrigin, State, StoredTenant, secret_mark
from deployments.tenancy import CostTier, KeyConfig, TenantConfig


def applied(
    state: State,
    tenants: Sequence[TenantConfig],
    cost_tiers: Mapping[str, CostTier] | None,
    *,
    prune: bool,
    now: datetime,
) -> State:
    """As a file of tenants wants it; Refused if it lists one twice, or one that cannot
    be read.

    Keys that were issued stay, also if a file has listed them once; so do revoked and
    rotated ones: a file cannot revive them.
    """
    wanted: dict[str, StoredTenant] = {}
    for config in tenants:
        if config.id in wanted:
            raise Refused(f"tenants.{config.id}: listed twice")
        known = state.tenant(config.id) if config.id in state.tenants else None
        wanted[config.id] = _merged(known, config, now)
    tiers = state.cost_tiers if cost_tiers is None else cost_tiers
    if prune:
        return replace(state, tenants=wanted, cost_tiers=tiers)
    return replace(
        state,
        tenants={**state.tenants, **wanted},
        cost_tiers={**state.cost_tiers, **tiers},
    )


def _merged(
    stored: StoredTenant | None, config: TenantConfig, now: datetime
) -> StoredTenant:
    stored = stored or StoredTenant(config.model_copy(update={"keys": ()}), {})
    known = {secret_mark(key): key for key in stored.config.keys}
    keys = list(_listed(config, known))
    origins: dict[str, KeyOrigin] = {}
    for key in keys:
        old = known.pop(secret_mark(key), None)
        origins[key.key_id] = (
            stored.origins[old.key_id] if old else KeyOrigin(False, now)
        )
    for key in known.values():
        origin = stored.origins[key.key_id]
        if not (origin.issued or key.revoked or key.rotated):
            continue
        if key.key_id in origins:
            raise Refused(
                f"tenants.{config.id}.keys: {key.key_id!r} is the id of another key, "
                "issued, revoked or rotated"
            )
        keys.append(key)
        origins[key.key_id] = origin
    return StoredTenant(config, {}).with_keys(keys, origins)


def _listed(
    config: TenantConfig, known: Mapping[str, KeyConfig]
) -> Iterator[KeyConfig]:
    for key in config.keys:
        old = known.get(secret_mark(key))
        yield key if old is None else _still_ended(key, old)


def _still_ended(key: KeyConfig, old: KeyConfig) -> KeyConfig:
    """As listed, but what a revocation or a rotation has ended stays ended.

    A file that does not know of a rotation looks like one that takes its end back: so
    the end of a rotated key only comes nearer. That of any other is what is stated.
    """
    kept: dict[str, object] = {}
    if old.revoked:
        kept["revoked"] = True
    if old.rotated:
        ends = [at for at in (old.expires_at, key.expires_at) if at is not None]
        kept |= {"rotated": True, "expires_at": min(ends, default=None)}
    return key.model_copy(update=kept) if kept else key
