import argparse

import pytest

from scripts.overhead.merging import change_file, merged

BASE = {"port": 1, "parts": [{"name": "a", "n": 1, "m": 2}, {"name": "b", "n": 2}]}


def test_what_is_not_named_stays():
    assert merged(BASE, {"port": 2}) == {**BASE, "port": 2}


def test_named_items_are_changed_added_and_taken_away():
    change = {"parts": {"a": {"n": 5}, "b": None, "c": {"n": 9}}}

    assert merged(BASE, change)["parts"] == [
        {"name": "a", "n": 5, "m": 2},
        {"name": "c", "n": 9},
    ]


def test_null_takes_a_key_away():
    assert "port" not in merged(BASE, {"port": None})


def test_a_list_takes_the_place_of_what_was_there():
    assert merged(BASE, {"parts": []})["parts"] == []


def test_the_base_is_not_touched():
    merged(BASE, {"parts": {"a": {"n": 5}}})

    assert BASE["parts"][0]["n"] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "while parsing"), ("- a", "not a part of a"), ("", "not a part of a")],
)
def test_a_file_that_changes_nothing_is_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "variant.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(argparse.ArgumentTypeError, match=says) as caught:
        change_file(str(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(argparse.ArgumentTypeError, match=r"no\.yaml: No such file"):
        change_file(str(tmp_path / "no.yaml"))
