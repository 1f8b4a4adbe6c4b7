"""Tenants, their keys and the cost tiers in a database: what may be done to them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from deployments.api_key import key_sha256, new_key
from deployments.store.database import Database
from deployments.store.errors import Refused
from deployments.store.snapshot import Change, IssuedKey
from deployments.store.state import (
    State,
    StoredTenant,
    with_changed_key,
    with_key,
    with_tier,
    without_tenant,
    without_tier,
)
from deployments.store.state_listing import applied
from deployments.store.state_store import StateStore
from deployments.tenancy import CostTier, KeyConfig, KeyTerms, TenantConfig


class Accounts(StateStore):
    """Every method may raise StoreUnavailable; those that change raise Missing and
    Refused. See StateStore."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        configured: Collection[str] | None = None,
    ) -> None:
        super().__init__(database, configured)
        self._clock = clock

    async def tenant(self, tenant_id: str) -> TenantConfig:
        """One tenant with its keys; Missing if there is none, Refused if it cannot be
        read."""
        return (await self.state()).tenant(tenant_id).config

    async def apply(
        self,
        tenants: Sequence[TenantConfig],
        cost_tiers: Mapping[str, CostTier] | None = None,
        *,
        prune: bool = False,
        dry_run: bool = False,
    ) -> list[Change]:
        """Make the accounts what is stated; doing it again changes nothing.

        A tenant's fields and listed keys become exactly these. Keys that were issued
        stay; a revoked key stays revoked, and a rotated one ends when it was to end, or
        earlier. `prune` deletes the tenants, and where
        `cost_tiers` are stated the tiers, that are not; their usage stays. `dry_run`
        only tells what would change.
        """
        now = self._clock()

        def edit(state: State) -> State:
            return applied(state, tenants, cost_tiers, prune=prune, now=now)

        return await self.change(edit, dry_run=dry_run)

    async def put_tenant(self, tenant: TenantConfig) -> list[Change]:
        """Create or replace one tenant; keys as `apply` treats them."""
        return await self.apply([tenant])

    async def create_tenant(self, tenant: TenantConfig) -> list[Change]:
        """As `put_tenant`; Refused if there is one of its id, whoever made it when."""
        now = self._clock()

        def edit(state: State) -> State:
            if tenant.id in state.tenants:
                raise Refused(f"there is a tenant {tenant.id!r} already")
            return applied(state, [tenant], None, prune=False, now=now)

        return await self.change(edit)

    async def edit_tenant(
        self, tenant_id: str, edit: Callable[[TenantConfig], TenantConfig]
    ) -> list[Change]:
        """Change fields of a tenant as it is then; its keys stay, and whence each came.

        Missing if there is none.
        """

        def work(state: State) -> State:
            stored = state.tenant(tenant_id)
            edited = StoredTenant(edit(stored.config), {})
            return state.replaced(edited.with_keys(stored.config.keys, stored.origins))

        return await self.change(work)

    async def delete_tenant(self, tenant_id: str) -> list[Change]:
        """Delete a tenant and its keys; its usage stays."""
        return await self.change(lambda state: without_tenant(state, tenant_id))

    async def put_cost_tier(self, name: str, tier: CostTier) -> list[Change]:
        """Create or replace one."""
        return await self.change(lambda state: with_tier(state, name, tier))

    async def delete_cost_tier(self, name: str) -> list[Change]:
        """Refused while a tenant or a key names it."""
        return await self.change(
            lambda state: without_tier(state, name, self._configured or ())
        )

    async def issue_key(
        self, tenant_id: str, terms: KeyTerms | None = None
    ) -> IssuedKey:
        """A new key; only its SHA-256 is stored. `terms`: how it is narrowed."""
        secret, key = _made(terms or KeyTerms())
        now = self._clock()
        await self.change(lambda state: with_key(state, tenant_id, key, now))
        return IssuedKey(tenant_id, secret, key)

    async def rotate_key(
        self, key_id: str, *, grace: timedelta = timedelta(0)
    ) -> IssuedKey:
        """A new key on the same terms; the old one opens for `grace` longer.

        Refused if it has ended already: its terms would open nothing. So it is of a key
        that was rotated: they end with the grace.
        """
        now = self._clock()
        issued: list[IssuedKey] = []

        def edit(state: State) -> State:
            tenant, old = state.key(key_id)
            if why := old.ended(now):
                raise Refused(f"the key {key_id!r} is {why}: issue a new one")
            if old.rotated:
                what = (
                    "has been rotated: rotate the one in its place, or issue a new one"
                )
                raise Refused(f"the key {key_id!r} {what}")
            secret, key = _made(old)
            end = min(filter(None, (old.expires_at, now + grace)))
            ending = old.model_copy(update={"expires_at": end, "rotated": True})
            state = with_changed_key(state, ending)
            issued.append(IssuedKey(tenant.config.id, secret, key))
            return with_key(state, tenant.config.id, key, now)

        await self.change(edit)
        return issued[-1]

    async def revoke_key(self, key_id: str) -> list[Change]:
        """It opens nothing from now on; there is no way back. No change if it was."""

        def edit(state: State) -> State:
            _, key = state.key(key_id)
            if key.revoked:
                return state
            return with_changed_key(state, key.model_copy(update={"revoked": True}))

        return await self.change(edit)


def _made(terms: KeyTerms) -> tuple[str, KeyConfig]:
    secret = new_key()
    narrowed = {name: getattr(terms, name) for name in KeyTerms.model_fields}
    return secret, KeyConfig(sha256=key_sha256(secret), **narrowed)
