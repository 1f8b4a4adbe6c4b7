"""Cells become records: joined, priced, averaged, ordered; gaps stay gaps."""

import pytest

from artifacts.errors import BadInput
from artifacts.importers.assembly import Assembly
from artifacts.importers.cells import Attempt, ImportOptions, Note, Usage
from artifacts.token_price import TokenPrice

PAID = Usage(prompt_tokens=10, completion_tokens=5, cost_usd=0.25)


def attempt(model="a", score=1.0, query="q", **fields):
    given = {"dataset": "d", "key": query, "index": None, "where": "f:1"}
    return Attempt(
        query=query, model=model, score=score, **{"usage": PAID} | given | fields
    )


def assembled(*items, join_by_id=False, **options):
    assembly = Assembly(ImportOptions(**options), join_by_id=join_by_id)
    assembly.add(items)
    return assembly.finish()


def test_models_of_the_same_query_share_a_record():
    records, coverage = assembled(
        attempt("b", 0.0, index="7"), attempt("a", 1.0, index="7")
    )

    assert records == [
        {
            "query": "q",
            "dataset": "d",
            "index": "7",
            "records": {"a": 1, "b": 0},
            "usages": {
                name: {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.25}
                for name in "ab"
            },
        }
    ]
    assert coverage.gaps == 0


def test_an_attempt_without_a_score_is_a_gap_and_never_a_zero():
    records, coverage = assembled(
        attempt("a", query="q1"),
        attempt("b", query="q1"),
        attempt("a", query="q2"),
        attempt("b", None, query="q2", gap="sample error"),
    )

    assert [record["records"] for record in records] == [{"a": 1, "b": 1}, {"a": 1}]
    assert coverage.queries == {"d": 2}
    assert coverage.scored == {("a", "d"): 2, ("b", "d"): 1}
    assert coverage.skipped == {("b", "d", "sample error"): 1}
    assert coverage.gaps == 1


def test_a_model_that_was_scored_nowhere_leaves_no_gap_in_the_records():
    records, coverage = assembled(attempt(), attempt("b", None, gap="sample error"))

    assert records[0]["records"] == {"a": 1}
    assert (coverage.models, coverage.gaps) == (("a", "b"), 0)


def test_a_query_that_nobody_was_scored_on_is_counted_and_not_written():
    records, coverage = assembled(attempt(), attempt(score=None, query="q2", gap="x"))

    assert len(records) == 1
    assert (coverage.queries, coverage.unscored) == ({"d": 2}, {"d": 1})


def test_nothing_scored_at_all_is_an_error():
    with pytest.raises(BadInput, match="nothing to write"):
        assembled(attempt(score=None, gap="x"))


def test_a_missing_cost_comes_from_tokens_and_price_and_says_so():
    usage = Usage(prompt_tokens=1000, completion_tokens=100)
    records, coverage = assembled(
        attempt(usage=usage), prices={"a": TokenPrice(0.001, 0.01)}
    )

    assert records[0]["usages"]["a"] == {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "cost": 2,
        "cost_estimated": True,
    }
    assert coverage.estimated == {("a", "d"): 1}


def test_one_estimate_among_the_epochs_makes_the_mean_an_estimate():
    usage = Usage(prompt_tokens=10, completion_tokens=5)
    records, coverage = assembled(
        attempt(epoch=1),
        attempt(epoch=2, usage=usage),
        attempt("b"),
        prices={"a": TokenPrice(0.01, 0.03)},
        join_by_id=True,
    )

    usages = records[0]["usages"]
    assert usages["a"]["cost_estimated"] is True
    assert usages["a"]["cost"] == pytest.approx(0.25)
    assert "cost_estimated" not in usages["b"]
    assert coverage.estimated == {("a", "d"): 1}
    assert coverage.to_dict()["estimated_cost"] == {"a": {"d": 1}, "b": {"d": 0}}


@pytest.mark.parametrize(
    ("usage", "prices"),
    [
        (Usage(prompt_tokens=1, completion_tokens=1), {}),
        (Usage(prompt_tokens=1), {"a": TokenPrice(1, 1)}),
        (Usage(), {"a": TokenPrice(1, 1)}),
    ],
)
def test_an_unknown_cost_is_an_error_or_on_request_a_gap(usage, prices):
    items = attempt(usage=usage), attempt("b")

    with pytest.raises(BadInput, match=r"f:1: cost of 'a': missing"):
        assembled(*items, prices=prices)
    records, coverage = assembled(*items, prices=prices, drop_unpriced=True)

    assert records[0]["records"] == {"b": 1}
    assert sum(coverage.skipped.values()) == 1


def test_a_cost_of_nothing_is_a_cost():
    records, _ = assembled(attempt(usage=Usage(cost_usd=0.0)))

    assert records[0]["usages"]["a"] == {"cost": 0}


def test_epochs_are_averaged_over_those_that_were_scored():
    records, coverage = assembled(
        attempt(score=1.0, epoch=1),
        attempt(score=0.0, epoch=2, usage=Usage(cost_usd=0.75)),
        attempt(score=None, epoch=3, gap="sample error"),
        join_by_id=True,
    )

    assert records[0]["records"] == {"a": 0.5}
    assert records[0]["usages"] == {"a": {"cost": 0.5}}
    assert coverage.reasons() == {"sample error": 1}


def test_joined_by_text_the_first_of_a_repeated_query_counts():
    records, coverage = assembled(
        attempt(score=1.0, index="1"), attempt(score=0.0, index="2")
    )

    assert records[0]["records"] == {"a": 1}
    assert coverage.reasons() == {"the same query again": 1}


@pytest.mark.parametrize("join_by_id", [False, True])
def test_a_later_score_takes_the_place_of_a_gap(join_by_id):
    records, coverage = assembled(
        attempt(score=None, gap="sample error", where="one.eval"),
        attempt(score=1.0, where="two.eval"),
        join_by_id=join_by_id,
    )

    assert records[0]["records"] == {"a": 1}
    assert (coverage.gaps, coverage.reasons()) == (0, {})


def test_a_later_price_takes_the_place_of_a_gap():
    free = attempt(usage=Usage())
    records, coverage = assembled(free, attempt(), drop_unpriced=True)

    assert records[0]["usages"]["a"]["cost"] == 0.25
    assert coverage.reasons() == {}


def test_a_gap_does_not_take_the_place_of_a_score():
    records, coverage = assembled(attempt(), attempt(score=None, gap="no score"))

    assert records[0]["records"] == {"a": 1}
    assert coverage.reasons() == {"the same query again": 1}


@pytest.mark.parametrize("score", [1.0, None])
def test_joined_by_id_a_gap_may_come_second(score):
    gap = attempt(key="7", score=None, gap="sample error", where="two.eval")
    first = attempt(key="7", score=score, gap="sample error", where="one.eval")

    forth = assembled(attempt("b", key="7"), first, gap, join_by_id=True)
    back = assembled(attempt("b", key="7"), gap, first, join_by_id=True)

    assert forth == back
    assert forth[1].reasons() == ({} if score else {"sample error": 1})


def test_joined_by_id_a_repeated_sample_is_an_error_that_names_both_places():
    first = attempt(key="7", where="one.eval")
    again = attempt(key="7", where="two.eval")

    with pytest.raises(BadInput, match=r"two\.eval.*'a'.*before, in one\.eval"):
        assembled(first, again, join_by_id=True)


def test_joined_by_id_another_text_is_another_sample():
    first = attempt(key="7", where="one.eval")
    other = attempt("b", key="7", query="other", where="two.eval")

    with pytest.raises(BadInput, match=r"two\.eval: sample '7' has another input"):
        assembled(first, other, join_by_id=True)


def test_of_two_ids_with_one_text_the_one_with_a_score_is_kept():
    records, coverage = assembled(
        attempt(key="1", index="1", score=None, gap="sample error"),
        attempt(key="2", index="2"),
        join_by_id=True,
    )

    assert [record["index"] for record in records] == ["2"]
    assert coverage.queries == {"d": 1}
    assert coverage.reasons() == {"sample error": 1, "the same query again": 1}


def test_records_are_in_the_order_of_dataset_and_number_whatever_came_first():
    items = [
        attempt(query=f"{dataset}{index}", dataset=dataset, index=index)
        for dataset in "ba"
        for index in ("x.10", "x.9")
    ]

    forth, _ = assembled(*items)
    back, _ = assembled(*reversed(items))

    assert forth == back
    assert [(r["dataset"], r["index"]) for r in forth] == [
        ("a", "x.9"),
        ("a", "x.10"),
        ("b", "x.9"),
        ("b", "x.10"),
    ]


def test_an_id_that_names_two_queries_of_a_dataset_is_left_out():
    records, _ = assembled(
        attempt(query="q1", index="1"), attempt("b", query="q2", index="1")
    )

    assert [record.get("index") for record in records] == [None, None]


def test_models_are_renamed_before_they_are_priced():
    records, _ = assembled(
        attempt("openrouter/x", usage=Usage(1, 1)),
        model_names={"openrouter/x": "x"},
        prices={"x": TokenPrice(1, 1)},
    )

    assert records[0]["records"] == {"x": 1}


def test_two_models_renamed_to_one_are_not_averaged():
    _, coverage = assembled(attempt("x"), attempt("y"), model_names={"y": "x"})

    assert coverage.reasons() == {"the same query again": 1}


def test_a_name_to_replace_that_is_not_there_is_an_error():
    with pytest.raises(BadInput, match=r"no model 'z' \(there are: a\)"):
        assembled(attempt(), model_names={"z": "x"})


def test_notes_are_kept():
    _, coverage = assembled(Note("older file"), attempt())

    assert coverage.to_dict()["notes"] == ["older file"]
