"""The reader's own figures."""

import argparse

import pytest

from scripts.scaling.assumed import add_assumptions, assumptions_of
from scripts.scaling.constants import Assumptions


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
