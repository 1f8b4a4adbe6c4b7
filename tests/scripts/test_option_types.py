"""Options out of range are refused while they are read."""

import argparse

import pytest

from scripts.option_types import number, whole


@pytest.mark.parametrize("text", ["-1", "1.01", "nan", "inf", "many", ""])
def test_what_is_not_within_the_bounds_is_no_number(text):
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 1 is needed, not"):
        number(0, 1)(text)


def test_the_bounds_are_within():
    assert [number(0.5, 1)(text) for text in ("0.5", "1")] == [0.5, 1.0]
    assert [whole(1, 3)(text) for text in ("1", "3")] == [1, 3]
    with pytest.raises(argparse.ArgumentTypeError):
        whole(1, 3)("1.5")
