"""Words that name a cluster."""

import numpy as np

from artifacts.evaluation.topics import top_words

QUERIES = (
    "What is the price of two apples?",
    "What is the price of a pear?",
    "What is the angle of the triangle?",
    "What is the angle of a square?",
)


def test_words_of_a_cluster_are_those_that_others_lack() -> None:
    words = top_words(QUERIES, np.array([0, 0, 1, 1]), 2, n_words=1)

    assert words == [("price",), ("angle",)]


def test_words_that_all_queries_hold_and_single_uses_do_not_count() -> None:
    words = top_words(QUERIES, np.array([0, 0, 1, 1]), 2)

    assert words == [("price",), ("angle",)]


def test_an_empty_cluster_has_no_words() -> None:
    assert top_words(QUERIES, np.array([0, 0, 0, 0]), 2)[1] == ()


def test_words_of_other_languages_are_whole() -> None:
    queries = ("Straße über Größe", "Große Straße", "Задача решена", "Наша задача")
    labels = np.array([0, 0, 1, 1])

    assert top_words(queries, labels, 2) == [("straße",), ("задача",)]
