"""What shadows decided, in usage records."""

from dataclasses import replace

import pytest

from deployments.store.usage_query import ShadowRow, UsageQuery
from deployments.store.usage_store import UsageStore
from deployments.usage.record import UsageRecord
from tests.deployments.store.made import JULY, JUNE, MAY, record

ALL = UsageQuery(MAY, JULY)


def shadowed(id: str, agrees: bool = True, **changes: object) -> UsageRecord:
    """Decided by `one`, shadowed by `two`."""
    fields = {
        "artifact_id": "one",
        "shadow_artifact_id": "two",
        "shadow_model": "small" if agrees else "large",
        "shadow_agrees": agrees,
        "shadow_cost_usd": 0.25 if agrees else 0.75,
    }
    return record(id, **{**fields, **changes})


@pytest.fixture
async def store(database):
    store = UsageStore(database, clock=lambda: JULY)
    await store.ingest(
        [
            record("use-1", JUNE, artifact_id="one"),
            shadowed("use-2"),
            shadowed("use-3", agrees=False),
            shadowed("use-4", agrees=False, shadow_cost_usd=None),
            shadowed("use-5", tenant="u", artifact_id="three", cost_usd=None),
            shadowed("use-6", shadow_artifact_id="other"),
        ]
    )
    return store


async def test_both_decisions_are_read_again(store):
    [found] = [each async for each in store.export(ALL) if each.id == "use-3"]

    assert found == shadowed("use-3", agrees=False)
    assert UsageRecord.from_json(found.to_json()) == found


async def test_agreement_and_costs_by_the_artifact_that_decided(store):
    assert await store.shadows(ALL, "two") == [
        ShadowRow("one", 3, 1, 2, 0.5, 1.0),
        ShadowRow("three", 1, 1, 0, None, None),
    ]


async def test_of_one_tenant_and_of_nothing(store):
    of_one = await store.shadows(replace(ALL, tenant="u"), "two")

    assert [row.artifact_id for row in of_one] == ["three"]
    assert await store.shadows(ALL, "nobody") == []


async def test_what_failed_before_the_answer_is_no_cost_of_one_side_only(database):
    """A sole model is asked again: the shadow's model would have failed alike."""
    store = UsageStore(database, clock=lambda: JULY)
    failed = shadowed("use-1", cost_usd=0.375, failed_cost_usd=0.125)
    await store.ingest([failed])

    assert await store.shadows(ALL, "two") == [ShadowRow("one", 1, 1, 1, 0.25, 0.25)]
