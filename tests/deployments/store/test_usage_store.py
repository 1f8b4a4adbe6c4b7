"""Usage records in SQL: each once, spend exact, whatever comes in which order."""

import asyncio
import math
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from deployments.store import usage_store
from deployments.store.database import Database
from deployments.store.errors import Refused
from deployments.store.tables import usage_records
from deployments.store.usage_query import Charge, Spend, Taken, UsageQuery
from deployments.store.usage_store import UsageStore
from deployments.usage.record import UsageRecord
from tests.deployments.store.made import JULY, JUNE, MAY, record

ALL = UsageQuery(MAY, JULY)
FULL = record(
    cost_tier="gold",
    stream=True,
    revision=2,
    backend="openrouter",
    provider="them",
    cause="routed",
    error="upstream_error",
    first_byte_s=0.125,
    cached_tokens=4,
    reasoning_tokens=3,
    failed_cost_usd=0.01,
    failures=("a=upstream_error", "b=timeout"),
    artifact_id="5f21",
    clusters=(3, 1),
    out_of_distribution=True,
    reserved_usd=0.5,
    replica="gateway-1",
)


@pytest.fixture
def store(database):
    return UsageStore(database, clock=lambda: JULY)


async def exported(store, query=ALL) -> list[UsageRecord]:
    return [each async for each in store.export(query)]


async def test_a_record_comes_out_as_it_went_in(store):
    sparse = UsageRecord(
        "use-0", "r", 1.7e9 + 0.125, "t", "k", None, 0.5, "s", False, "m", "failed", 1
    )
    query = replace(ALL, start=MAY - timedelta(days=2000))

    assert await store.ingest([FULL, sparse]) == 2
    assert await exported(store, query) == [sparse, FULL]


def test_every_field_of_a_record_has_a_column():
    names = {field.name.replace("_usd", "_nusd") for field in fields(UsageRecord)}

    assert names == set(usage_records.c.keys())


async def test_the_same_records_again_change_nothing(store):
    records = [record("use-1"), record("use-2")]

    assert [await store.ingest(records) for _ in range(2)] == [2, 0]
    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 0.5


async def test_the_higher_revision_wins_in_whatever_order(store):
    settled = record(cost_usd=0.75, revision=1)

    assert await store.ingest([record()]) == 1
    assert await store.ingest([settled]) == 1
    assert await store.ingest([record()]) == 0
    assert await exported(store) == [settled]
    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 0.75


async def test_of_one_batch_the_highest_revision_counts(store):
    settled = record(cost_usd=0.75, revision=1)

    assert await store.ingest([record(), settled, record()]) == 1
    assert await exported(store) == [settled]


async def test_a_correction_moves_spend_to_where_it_belongs(store):
    await store.ingest([record(cost_usd=None, reserved_usd=2)])
    before = await store.spend_of("t", JUNE, JULY)
    await store.ingest([record(at=MAY, tenant="u", cost_usd=1, revision=1)])

    assert before == Spend(0, 1, unknown_cost=1, reserved_usd=2)
    assert await store.spends(MAY, JUNE) == {"u": Spend(1, 1)}
    assert await store.spend_of("t", JUNE, JULY) == Spend()


async def test_what_is_charged_is_told_once(store):
    asked = record(cost_usd=None, reserved_usd=2, replica="g1")
    settled = replace(asked, cost_usd=0.5, revision=1)
    moved = replace(settled, replica="g2", revision=2)
    at = JUNE.timestamp()

    assert await store.take([asked]) == Taken(1, (Charge("t", "g1", at, 2),))
    assert await store.take([settled]) == Taken(1, (Charge("t", "g1", at, -1.5),))
    assert await store.take([settled, asked]) == Taken(0)
    assert (await store.take([moved])).charges == (
        Charge("t", "g1", at, -0.5),
        Charge("t", "g2", at, 0.5),
    )


async def test_an_unknown_cost_is_no_zero(store):
    await store.ingest([record("use-1", cost_usd=None), record("use-2", cost_usd=0)])

    assert [each.cost_usd for each in await exported(store)] == [None, 0]
    assert await store.spend_of("t", JUNE, JULY) == Spend(0, 2, unknown_cost=1)


async def test_a_period_holds_its_start_and_not_its_end(store):
    moment = timedelta(microseconds=1)
    for number, at in enumerate((JUNE - moment, JUNE, JULY - moment, JULY)):
        await store.ingest([record(f"use-{number}", at, cost_usd=10.0**number)])

    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 110


async def test_sums_of_many_small_amounts_are_exact(store):
    await store.ingest([record(f"use-{n}", cost_usd=1e-7) for n in range(3000)])

    assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 0.0003


async def test_records_that_make_no_sense_do_not_stop_the_others(store):
    wrong = record(
        "use-1",
        requested_model="a\0b",
        failures=("a\0=b",),
        prompt_tokens=2**64,
        cost_usd=math.inf,
    )

    assert await store.ingest([wrong, record("use-2")]) == 2
    [first, _] = await exported(store)
    assert (first.requested_model, first.failures) == ("a\ufffdb", ("a\ufffd=b",))
    assert (first.prompt_tokens, first.cost_usd) == (None, None)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"at": 1e15}, ValueError),
        ({"at": math.nan}, ValueError),
        ({"status": None}, Refused),
        ({"revision": None}, Refused),
    ],
)
async def test_nothing_is_taken_of_a_batch_in_which_one_is_broken(store, broken, error):
    with pytest.raises(error):
        await store.ingest([record("use-1"), replace(record("use-2"), **broken)])

    assert await exported(store) == []
    assert await store.spends(MAY, JULY) == {}


async def test_a_value_of_another_type_is_refused_too(store, dialect):
    if dialect == "postgresql":
        with pytest.raises(Refused):
            await store.ingest([replace(record(), latency_s="long")])
    assert await store.ingest([record()]) == 1


async def test_concurrent_batches_lose_nothing(url, store):
    """Eight writers with connections of their own: the same ids, three revisions."""
    others = [Database(url, busy_timeout_s=60) for _ in range(8)]

    async def write(number: int) -> None:
        mine = UsageStore(others[number], clock=lambda: JULY)
        for step in range(12):
            revision = (number + step) % 3
            cost = {0: None, 1: 0.5, 2: 0.001}[revision]
            ids = range(step * 10, step * 10 + 40)
            batch = [
                record(f"use-{id}", cost_usd=cost, revision=revision) for id in ids
            ]
            await mine.ingest(batch[::-1] if number % 2 else batch)

    try:
        await asyncio.gather(*map(write, range(8)))
    finally:
        for other in others:
            await other.close()

    assert await store.spend_of("t", JUNE, JULY) == Spend(0.15, 150)
    assert {each.revision for each in await exported(store)} == {2}


async def test_an_export_is_by_time_and_page_by_page(store, monkeypatch):
    monkeypatch.setattr("deployments.store.usage_store._PAGE", 3)
    moments = [JUNE + timedelta(seconds=n // 2) for n in range(10)]
    records = [record(f"use-{n}", at) for n, at in enumerate(moments)]
    await store.ingest(records[::-1])

    assert await exported(store) == records
    assert await exported(store, replace(ALL, tenant="u")) == []


async def test_batches_of_any_size_need_few_statements(store):
    """Drivers keep what they have prepared: many large ones are hundreds of MiB."""
    seen: set[str] = set()

    def see(_connection, _cursor, statement, *_):
        seen.add(statement)

    event.listen(Engine, "before_cursor_execute", see)
    try:
        for size in range(1, 400, 7):
            await store.ingest([record(f"use-{size}-{n}") for n in range(size)])
    finally:
        event.remove(Engine, "before_cursor_execute", see)

    inserts = [each for each in seen if each.startswith("INSERT INTO usage_records")]
    longest = max(each.count("(") for each in inserts)
    assert len(inserts) <= 64
    assert longest < 100


async def test_however_many_ask_for_reports_usage_is_taken_in(store, monkeypatch):
    answers = asyncio.Event()

    async def slow(connection, query):
        await answers.wait()
        return []

    monkeypatch.setattr(usage_store, "read_rows", slow)
    query = UsageQuery(JUNE, JULY)
    asking = [asyncio.create_task(store.rows(query)) for _ in range(40)]
    await asyncio.sleep(0.1)
    async with asyncio.timeout(10):
        assert await store.ingest([record()]) == 1
        assert (await store.spend_of("t", JUNE, JULY)).cost_usd == 0.25

    answers.set()
    assert await asyncio.gather(*asking) == [[]] * 40
