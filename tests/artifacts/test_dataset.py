"""Labelled records in memory: rows, columns, splits and their digest."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.dataset import RoutingDataset

N = 30
NAN = np.nan


def dataset() -> RoutingDataset:
    """20 rows of `code`, 10 of `maths`; row i scores i/100 with model a."""
    score = np.column_stack([np.arange(N) / 100, np.ones(N)])
    return RoutingDataset(
        queries=tuple(f"q{i}" for i in range(N)),
        datasets=("code",) * 20 + ("maths",) * 10,
        models=("a", "b"),
        score=score,
        cost_usd=score * 2,
        prompt_tokens=np.full((N, 2), NAN),
        completion_tokens=np.full((N, 2), NAN),
    )


def test_a_split_takes_its_share_of_every_collection():
    train, test = dataset().split(0.7, seed=1)

    assert dataset().take(train).counts == {"code": 14, "maths": 7}
    assert dataset().take(test).counts == {"code": 6, "maths": 3}
    assert sorted([*train, *test]) == list(range(N))


def test_collections_of_one_query_are_held_out_too():
    names = (*(f"ticket {i}" for i in range(20)), *dataset().datasets[20:])
    train, test = replace(dataset(), datasets=names).split(0.7, seed=1)

    assert (len(train), len(test)) == (14 + 7, 6 + 3)
    assert (train < 20).sum() == 14


@pytest.mark.parametrize(("size", "share", "n_train"), [(2, 0.7, 21), (3, 0.9, 27)])
def test_of_small_collections_the_same_share_is_held_out(size, share, n_train):
    names = tuple(f"customer {i // size}" for i in range(N))
    train, test = replace(dataset(), datasets=names).split(share, seed=1)

    assert (len(train), len(test)) == (n_train, N - n_train)


def test_a_split_depends_on_its_seed_and_on_nothing_else():
    first, again = dataset().split(0.7, seed=1), dataset().split(0.7, seed=1)
    other = dataset().split(0.7, seed=2)

    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_a_text_of_several_collections_is_never_on_both_sides():
    repeated = replace(dataset(), queries=tuple(f"q{i % 20}" for i in range(N)))

    for seed in range(5):
        train, test = (repeated.take(rows) for rows in repeated.split(0.7, seed))
        assert not set(train.queries) & set(test.queries)
        assert (len(train) + len(test), train.counts["code"]) == (N, 14)


def test_rows_come_in_the_order_asked_for():
    taken = dataset().take(np.array([25, 3]))

    assert taken.queries == ("q25", "q3")
    assert taken.datasets == ("maths", "code")
    assert taken.score[:, 0].tolist() == [0.25, 0.03]
    assert taken.cost_usd[:, 0].tolist() == [0.5, 0.06]


def test_columns_stay_with_their_model():
    only = dataset().with_models(["b", "b"])

    assert only.models == ("b",)
    assert only.score.shape == (N, 1)
    assert only.score[5, 0] == 1


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="'c'"):
        dataset().with_models(["a", "c"])


def test_the_same_data_has_the_same_digest():
    assert dataset().digest == dataset().take(np.arange(N)).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"queries": ("other", *dataset().queries[1:])},
        {"queries": ("q0q", "1", *dataset().queries[2:])},
        {"datasets": ("maths", *dataset().datasets[1:])},
        {"models": ("a", "c")},
        {"score": dataset().score + 1e-9},
        {"cost_usd": dataset().score},
        {"prompt_tokens": np.zeros((N, 2))},
    ],
)
def test_any_change_changes_the_digest(changes):
    assert replace(dataset(), **changes).digest != dataset().digest


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"models": ("b", "a")}, "sorted and unique"),
        ({"models": ("a", "a")}, "sorted and unique"),
        ({"datasets": ("code",)}, "one dataset name"),
        ({"score": np.zeros((N, 3))}, "score must have shape"),
        ({"completion_tokens": np.zeros((1, 2))}, "completion_tokens must have shape"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes, what):
    with pytest.raises(ValueError, match=what):
        replace(dataset(), **changes)
