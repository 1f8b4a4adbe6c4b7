"""Artifacts and rollouts, kept with the accounts: the same versions, the same order."""

from collections.abc import Mapping

from deployments.rollout import Step, StoredArtifact
from deployments.store.snapshot import Change
from deployments.store.state_rollouts import (
    rolled,
    with_artifact,
    with_declared,
    without_artifact,
)
from deployments.store.state_store import StateStore


class Rollouts:
    """Every method may raise StoreUnavailable, Missing and Refused."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def declare(self, locations: Mapping[str, str]) -> list[Change]:
        """The artifacts of the configuration, by name."""
        return await self._store.change(lambda s: with_declared(s, locations))

    async def put_artifact(self, artifact: StoredArtifact) -> list[Change]:
        """Register one under its name."""
        return await self._store.change(lambda s: with_artifact(s, artifact))

    async def delete_artifact(self, name: str) -> list[Change]:
        """Forget one that nobody uses."""
        return await self._store.change(lambda s: without_artifact(s, name))

    async def roll(self, scope: str, step: Step) -> list[Change]:
        """One step of a rollout: the gateway's (`*`) or a tenant's."""
        return await self._store.change(lambda s: rolled(s, scope, step))
