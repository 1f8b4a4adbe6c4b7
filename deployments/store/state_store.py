"""The state of the accounts in a database: read whole, changed whole or not at all."""

import asyncio
from collections.abc import Callable, Collection

from deployments.store.database import Database
from deployments.store.errors import StoreUnavailable
from deployments.store.snapshot import Change, Snapshot
from deployments.store.state import State, checked
from deployments.store.state_changes import changes
from deployments.store.state_rollouts import remembered
from deployments.store.state_rows import read_state, read_version
from deployments.store.state_writing import write_state

Edit = Callable[[State], State]


class StateStore:
    """Whoever makes changes, they follow each other.

    What was read is kept: the next read takes only what changed since. Every method
    may raise StoreUnavailable. `configured`: names of cost tiers that the configuration
    defines; None: they are not known here.
    """

    def __init__(
        self, database: Database, configured: Collection[str] | None = None
    ) -> None:
        self._database = database
        self._configured = configured
        self._known = State()

    def configure(self, tiers: Collection[str]) -> None:
        """The configuration defines other cost tiers from now on."""
        self._configured = tiers

    @property
    def unreadable(self) -> int:
        """How many tenants are shut because their rows make no sense, as last read."""
        tenants = self._known.tenants.values()
        return sum(tenant.unreadable is not None for tenant in tenants)

    async def version(self) -> int:
        """Grows with each change; at least 1."""
        async with self._database.reading() as connection:
            return await read_version(connection)

    async def state(self) -> State:
        """As it is now."""
        async with self._database.reading() as connection:
            version = await read_version(connection)
            state = await read_state(connection, version, self._known)
        self._remember(state)
        return state

    async def snapshot(self) -> Snapshot:
        """Everything, as of one moment."""
        state = await self.state()
        tenants = tuple(tenant.config for tenant in state.tenants.values())
        return Snapshot(
            state.version,
            tenants,
            dict(state.cost_tiers),
            dict(state.artifacts),
            dict(state.rollouts),
        )

    async def change(self, edit: Edit, *, dry_run: bool = False) -> list[Change]:
        """Any edit of the state, whole or not at all; what came of it.

        Raises what `edit` does, and Refused if the state would contradict itself.
        """
        written: State | None = None
        try:
            async with self._database.writing() as connection:
                version = await read_version(connection, lock=True)
                before = await read_state(connection, version, self._known)
                # In a thread: with many tenants it takes a while, and others wait.
                after, made = await asyncio.to_thread(self._edited, before, edit)
                if made and not dry_run:
                    await write_state(connection, before, after)
                    written = after
        except StoreUnavailable:
            # It may be the answer to the commit that was lost, and a new key with it.
            if written is None or not await self._holds(written):
                raise
        self._remember(before if dry_run else after)
        return made

    async def _holds(self, state: State) -> bool:
        """Whether this is what is stored now, as far as that can be seen."""
        try:
            async with self._database.reading() as connection:
                version = await read_version(connection)
                return await read_state(connection, version, self._known) == state
        except StoreUnavailable:
            return False

    def _remember(self, state: State) -> None:
        # A lower one, too: of a database that was set back, numbers come again.
        if state.version != self._known.version:
            self._known = state

    def _edited(self, before: State, edit: Edit) -> tuple[State, list[Change]]:
        """The state after it, in which what is equal is the same object as before."""
        after = remembered(before, edit(before))
        checked(after, before, self._configured)
        made = changes(before, after)
        changed = {change.id for change in made if change.of == "tenant"}
        tenants = {
            id: tenant if id in changed else before.tenants[id]
            for id, tenant in sorted(after.tenants.items())
        }
        return State(
            before.version + bool(made),
            tenants,
            dict(sorted(after.cost_tiers.items())),
            dict(sorted(after.artifacts.items())),
            dict(sorted(after.rollouts.items())),
        ), made
