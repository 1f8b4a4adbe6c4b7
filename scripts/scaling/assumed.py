"""Options for what a reader sets."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from scripts.scaling.constants import Assumptions


def add_assumptions(parser: argparse.ArgumentParser) -> None:
    """One option for each."""
    group = parser.add_argument_group(
        "what the reader sets: examples, not measurements"
    )
    for field in fields(Assumptions):
        option = "--" + field.name.replace("_", "-")
        group.add_argument(option, type=_type(field.name), default=field.default)


def _type(name: str) -> Callable[[str], float]:
    return int if name == "node_cores" else float


def assumptions_of(options: Mapping[str, Any]) -> Assumptions:
    """As the options state them."""
    names = {field.name for field in fields(Assumptions)}
    stated = {name: value for name, value in options.items() if name in names}
    return replace(Assumptions(), **stated)
