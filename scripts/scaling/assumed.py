"""Options for what a reader sets."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from scripts.option_types import number, whole
from scripts.scaling.constants import Assumptions

_DAY_S = 86_400.0
# What is divided by is not 0, nor so small that replicas cannot be counted any more.
_TYPES: Mapping[str, Callable[[str], float]] = {
    "stream_share": number(0.0, 1.0),
    "cache_hit_share": number(0.0, 0.999),
    "upstream_first_token_s": number(0.0, _DAY_S),
    "upstream_tokens_per_s": number(0.01, 1e9),
    "usd_per_core_hour": number(0.0, 1e6),
    "usd_per_gpu_hour": number(0.0, 1e6),
    "node_cores": whole(1, 100_000),
    "node_start_s": number(0.0, _DAY_S),
    "gpu_node_start_s": number(0.0, _DAY_S),
    "gpu_replica_start_s": number(0.0, _DAY_S),
    "gpu_tokens_per_s": number(1.0, 1e12),
}


def add_assumptions(parser: argparse.ArgumentParser) -> None:
    """One option for each."""
    group = parser.add_argument_group(
        "what the reader sets: examples, not measurements"
    )
    for field in fields(Assumptions):
        option = "--" + field.name.replace("_", "-")
        group.add_argument(option, type=_TYPES[field.name], default=field.default)


def assumptions_of(options: Mapping[str, Any]) -> Assumptions:
    """As the options state them."""
    names = {field.name for field in fields(Assumptions)}
    stated = {name: value for name, value in options.items() if name in names}
    return replace(Assumptions(), **stated)
