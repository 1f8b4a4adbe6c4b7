"""API keys: issued, revoked, rotated."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.store.accounts import Accounts
from deployments.store.database import Database
from deployments.store.errors import Refused, StoreUnavailable
from deployments.tenancy import KeyTerms, key_sha256
from tests.deployments.store.made import JUNE, fresh, tenant

DIGEST = key_sha256("sk-av-a")


@pytest.fixture
def accounts(database):
    return Accounts(database, clock=lambda: JUNE)


async def test_a_key_may_pass_from_one_tenant_to_another(accounts, database):
    keys = [{"sha256": DIGEST}]
    await accounts.apply([tenant(keys=keys), tenant("u")])
    await accounts.apply([tenant(), tenant("u", keys=keys)])

    assert (await fresh(database)).tenants == (tenant(), tenant("u", keys=keys))


async def test_a_key_is_issued_and_only_its_digest_kept(accounts, database):
    await accounts.put_tenant(tenant())
    terms = KeyTerms(name="laptop", alpha=0.1, models=frozenset({"a"}), rpm_limit=5)
    issued = await accounts.issue_key("t", terms)

    assert issued.secret.startswith("sk-av-")
    assert len(issued.secret) == len("sk-av-") + 43  # 256 bits in base 64
    assert issued.secret not in repr(issued)
    [key] = (await fresh(database)).tenants[0].keys
    assert key == issued.key
    assert key.sha256 == key_sha256(issued.secret)
    assert (key.key_id, key.name, key.rpm_limit) == (issued.id, "laptop", 5)


async def test_no_secret_lies_in_the_database(accounts, url, tmp_path, postgresql):
    await accounts.put_tenant(tenant())
    secret = (await accounts.issue_key("t")).secret

    if url.startswith("sqlite"):
        held = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
    else:
        name = url.rpartition("/")[2]
        held = postgresql.run_sql("SELECT k::text FROM api_keys k", name).encode()

    assert key_sha256(secret).encode() in held
    assert secret.removeprefix("sk-av-").encode() not in held


async def test_a_file_leaves_issued_keys_alone(accounts):
    await accounts.apply([tenant(keys=[{"env": "A"}])])
    issued = await accounts.issue_key("t")
    await accounts.apply([tenant(keys=[{"env": "B"}])], prune=True)

    keys = (await accounts.tenant("t")).keys
    assert {key.key_id for key in keys} == {issued.id, "env:B"}


async def test_a_file_does_not_revive_a_revoked_key(accounts):
    listed = tenant(keys=[{"sha256": DIGEST, "id": "ci"}])
    await accounts.apply([listed])
    [change] = await accounts.revoke_key("ci")

    assert list(change.fields) == ["keys.ci"]
    assert await accounts.apply([listed]) == []
    assert await accounts.apply([tenant()]) == []
    assert await accounts.apply([listed]) == []
    assert [key.revoked for key in (await accounts.tenant("t")).keys] == [True]


async def test_revoking_again_changes_nothing(accounts):
    await accounts.apply([tenant(keys=[{"env": "A", "id": "a"}])])
    await accounts.revoke_key("a")

    assert await accounts.revoke_key("a") == []


async def test_a_rotated_key_opens_until_its_grace_is_over(accounts):
    await accounts.put_tenant(tenant())
    old = await accounts.issue_key("t", KeyTerms(name="laptop", rpm_limit=5))
    new = await accounts.rotate_key(old.id, grace=timedelta(hours=1))

    keys = {key.key_id: key for key in (await accounts.tenant("t")).keys}
    assert new.secret != old.secret
    assert (new.key.name, new.key.rpm_limit, new.key.expires_at) == ("laptop", 5, None)
    assert keys[old.id].expires_at == JUNE + timedelta(hours=1)
    assert keys[old.id].ended(JUNE + timedelta(hours=1)) == "expired"


async def test_a_key_that_ends_before_its_grace_is_over_ends_as_before(accounts):
    await accounts.put_tenant(tenant())
    end = JUNE + timedelta(minutes=30)
    old = await accounts.issue_key("t", KeyTerms(expires_at=end))
    await accounts.rotate_key(old.id, grace=timedelta(hours=1))

    keys = {key.key_id: key for key in (await accounts.tenant("t")).keys}
    assert keys[old.id].expires_at == end


async def test_a_file_does_not_revive_a_rotated_key(accounts, database):
    listed = tenant(keys=[{"sha256": DIGEST, "id": "ci"}])
    await accounts.apply([listed])
    new = await accounts.rotate_key("ci", grace=timedelta(hours=1))
    end = JUNE + timedelta(hours=1)

    assert await accounts.apply([listed]) == []
    assert await accounts.apply([tenant()], prune=True) == []
    assert await accounts.apply([listed]) == []
    keys = {key.key_id: key for key in (await fresh(database)).tenants[0].keys}
    assert keys["ci"].expires_at == end
    assert keys["ci"].ended(end) == "expired"
    assert keys[new.id].ended(end) is None


@pytest.mark.parametrize(("hours", "kept"), [(0.5, 0.5), (48, 1)])
async def test_the_end_of_a_rotated_key_only_comes_nearer(accounts, hours, kept):
    key = {"sha256": DIGEST, "id": "ci"}
    await accounts.apply([tenant(keys=[key])])
    await accounts.rotate_key("ci", grace=timedelta(hours=1))
    stated = {**key, "expires_at": JUNE + timedelta(hours=hours)}
    await accounts.apply([tenant(keys=[stated])])

    _, old = sorted((await accounts.tenant("t")).keys, key=lambda key: key.rotated)
    assert old.expires_at == JUNE + timedelta(hours=kept)


async def test_the_end_of_a_key_that_was_not_rotated_is_as_stated(accounts):
    for end in (JUNE, JUNE + timedelta(days=9), None):
        stated = {"sha256": DIGEST, "expires_at": end}
        await accounts.apply([tenant(keys=[stated])])
        [key] = (await accounts.tenant("t")).keys
        assert (key.expires_at, key.rotated) == (end, False)


async def test_a_key_that_has_ended_is_not_rotated(accounts):
    await accounts.put_tenant(tenant())
    key = await accounts.issue_key("t", KeyTerms(expires_at=JUNE))

    with pytest.raises(Refused, match="is expired: issue a new one"):
        await accounts.rotate_key(key.id)


async def test_a_moment_is_kept_in_utc(accounts, database):
    berlin = datetime.fromisoformat("2027-01-01T01:00:00+01:00")
    await accounts.put_tenant(tenant(keys=[{"env": "K", "expires_at": berlin}]))

    [key] = (await fresh(database)).tenants[0].keys
    assert key.expires_at == datetime(2027, 1, 1, tzinfo=UTC)


class Unanswered(Database):
    """Goes away while it commits, or just before, if that is asked for."""

    when: Literal["before", "after"] | None = None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        when, self.when = self.when, None
        async with super().writing() as connection:
            yield connection
            if when == "before":
                raise StoreUnavailable("the connection is gone")
        if when == "after":
            raise StoreUnavailable("the connection is gone")


async def test_a_key_is_told_though_the_commit_was_not_answered(database, url):
    """`database` has the tables; nobody else would ever know the secret."""
    unanswered = Unanswered(url)
    accounts = Accounts(unanswered)
    await accounts.put_tenant(tenant())
    unanswered.when = "after"
    issued = await accounts.issue_key("t")
    unanswered.when = "after"
    rotated = await accounts.rotate_key(issued.id)
    unanswered.when = "before"
    with pytest.raises(StoreUnavailable):
        await accounts.issue_key("t")

    (stored,) = (await fresh(database)).tenants
    assert {key.key_id for key in stored.keys} == {issued.id, rotated.id}
    await unanswered.close()
