"""Which columns candidates are, and that selections seen before are remembered."""

import pytest

from artifacts import candidates
from artifacts.candidates import Candidates

MODELS = ("a", "b", "c", "d")


def test_columns_ascend_whatever_the_order_and_number_given():
    models = Candidates(MODELS)

    assert models.columns(("d", "b", "d")).tolist() == [1, 3]
    assert models.columns(["b", "d"]).tolist() == [1, 3]
    assert models.columns(None).tolist() == [0, 1, 2, 3]


def test_a_selection_seen_before_is_not_looked_up_again():
    models = Candidates(MODELS)

    first = models.columns(("d", "b"))

    assert models.columns(("d", "b")) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_what_an_artifact_has_not_is_left_out():
    models = Candidates(MODELS)

    assert models.known(("d", "z", "b")) == ("d", "b")
    models.columns(("d", "b"))
    assert models.known(("d", "z", "b")) == ("d", "b")
    assert models.known(("d", "b")) == ("d", "b")


def test_selections_beyond_what_is_remembered_are_found_all_the_same(monkeypatch):
    monkeypatch.setattr(candidates, "_MAX_SEEN", 2)
    models = Candidates(MODELS)

    for _ in range(2):
        found = [models.columns((model,)).tolist() for model in MODELS]
        assert found == [[0], [1], [2], [3]]
    assert len(models._seen) <= 2


@pytest.mark.parametrize(
    ("given", "what"), [((), "no candidate model"), (("a", "z"), "not in the artifact")]
)
def test_what_cannot_be_found_is_refused_each_time(given, what):
    models = Candidates(MODELS)

    for _ in range(2):
        with pytest.raises(ValueError, match=what):
            models.columns(given)
