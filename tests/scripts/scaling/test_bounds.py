"""Options out of range are refused while they are read."""

import argparse

import pytest

from scripts.scaling.assumed import add_assumptions, assumptions_of
from scripts.scaling.bounds import number, whole
from scripts.scaling.constants import Assumptions


@pytest.mark.parametrize("text", ["-1", "1.01", "nan", "inf", "many", ""])
def test_what_is_not_within_the_bounds_is_no_number(text):
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 1 is needed, not"):
        number(0, 1)(text)


def test_the_bounds_are_within():
    assert [number(0.5, 1)(text) for text in ("0.5", "1")] == [0.5, 1.0]
    assert [whole(1, 3)(text) for text in ("1", "3")] == [1, 3]
    with pytest.raises(argparse.ArgumentTypeError):
        whole(1, 3)("1.5")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--stream-share", "1.5"),
        ("--cache-hit-share", "1"),
        ("--upstream-tokens-per-s", "0"),
        ("--usd-per-core-hour", "-0.04"),
        ("--node-cores", "0"),
        ("--node-start-s", "nan"),
        ("--gpu-tokens-per-s", "inf"),
    ],
)
def test_an_assumption_out_of_range_is_a_usage_error(capsys, option, value):
    parser = argparse.ArgumentParser()
    add_assumptions(parser)

    with pytest.raises(SystemExit) as ended:
        parser.parse_args([option, value])

    assert ended.value.code == 2
    assert f"argument {option}: a" in capsys.readouterr().err


def test_the_examples_are_within_their_own_bounds():
    parser = argparse.ArgumentParser()
    add_assumptions(parser)
    options = vars(parser.parse_args([]))
    stated = [
        word
        for name, value in options.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]

    assert assumptions_of(vars(parser.parse_args(stated))) == Assumptions()
