"""Artifacts, rollouts and what shadows decided, as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from artifacts.manifest import Manifest
from deployments.rollout import DEFAULT, StoredArtifact, StoredRollout
from deployments.store.usage_query import ShadowRow
from serve_app.http.account_json import shown_location


def shown_artifact(
    name: str,
    stored: StoredArtifact | None,
    manifest: Manifest | str,
    users: Sequence[str],
) -> dict[str, Any]:
    """One artifact; `manifest` is a text where it cannot be used: why not."""
    said = isinstance(manifest, str)
    return {
        "name": name,
        "location": shown_location(stored.location) if stored else None,
        "declared": stored is None or stored.declared,
        "artifact_id": stored and stored.artifact_id,
        "used_by": list(users),
        "error": manifest if said else None,
        **({} if isinstance(manifest, str) else _described(manifest)),
    }


def shown_rollout(
    scope: str, rollout: StoredRollout, active: str | None, pinned: bool
) -> dict[str, Any]:
    """Whose it is, and what decides; `previous` is what a rollback goes back to."""
    previous = rollout.previous
    shown = rollout.model_dump(mode="json")
    return {
        "object": "rollout",
        "scope": scope,
        "active": active or DEFAULT,
        "pinned": pinned,
        "canary": shown["canary"],
        "shadow": shown["shadow"],
        "can_roll_back": previous is not None,
        "previous": previous and previous.artifact,
    }


def shown_shadow(row: ShadowRow) -> dict[str, Any]:
    """One comparison. Costs are those of the `comparable` requests, the shadow's an
    estimate: its model for the same tokens. Unknown is null."""
    difference = None
    if row.cost_usd is not None and row.shadow_cost_usd is not None:
        difference = row.shadow_cost_usd - row.cost_usd
    return {
        **asdict(row),
        "agreement": row.agreements / row.requests,
        "difference_usd": difference,
        "estimate": True,
    }


def _described(manifest: Manifest) -> dict[str, Any]:
    fields = manifest.model_dump(
        mode="json", include={"artifact_id", "created", "n_clusters", "metrics"}
    )
    return {
        **fields,
        "policy": manifest.policy.kind,
        "encoder": manifest.encoder.id,
        "models": [entry.model for entry in manifest.models],
        "n_train": manifest.provenance.n_train,
    }
