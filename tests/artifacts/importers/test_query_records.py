"""What came together for one query becomes a record."""

import pytest

from artifacts.importers.query_records import Priced, Query, by_id, record_of


def query(*ids: str, dataset: str = "d", **cells: list[Priced]) -> Query:
    return Query(dataset, "q", "f:1", indexes=set(ids), cells=cells)


def priced(cost: float, prompt: float | None = 1.0, score: float = 1.0) -> Priced:
    return Priced(score, cost, prompt, 2.0, estimated=False)


def usage_of(*epochs: Priced) -> dict[str, object]:
    return record_of(query(a=list(epochs)), {})["usages"]["a"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (query("x.9"), query("x.10")),
        (query("9"), query("x")),
        (query("2", dataset="a"), query("1", dataset="b")),
        (query("7", "100"), query("8")),
        (query(), query("0")),
        (query("9" * 18), query("9" * 40)),
    ],
)
def test_queries_are_in_the_order_of_their_datasets_and_numbers(before, after):
    assert by_id(before) < by_id(after)


def test_of_several_ids_the_first_that_is_the_query_s_alone_names_it():
    shared = {("d", "1"): 2, ("d", "10"): 1, ("d", "9"): 1}

    assert record_of(query("10", "1", "9"), shared)["index"] == "9"
    assert "index" not in record_of(query("1"), shared)


def test_tokens_that_one_epoch_does_not_state_are_not_known():
    usage = usage_of(priced(1.0, prompt=None), priced(2.0))

    assert usage == {"completion_tokens": 2, "cost": 1.5}


def test_whole_means_are_whole_numbers():
    record = record_of(query(a=[priced(1.0), priced(3.0, score=0.0)]), {})

    assert record["records"] == {"a": 0.5}
    assert type(record["usages"]["a"]["cost"]) is int


def test_models_are_in_the_order_of_their_names():
    record = record_of(query(b=[priced(1.0)], a=[priced(1.0)]), {})

    assert list(record["records"]) == list(record["usages"]) == ["a", "b"]
