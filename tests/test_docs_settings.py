"""The settings that the pages name are there; docs/configuration.md lists them all."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from scripts.configuration import page_part
from tests.pages import PAGES, blocks, spans, text_of

KINDS = dict(re.findall(r"^\| `(\S+)` \| (\w*)", page_part(), re.M))
# What upstreams say of an answer; a configuration has a key of that name, too.
OF_UPSTREAMS = {"usage.cost", "usage.is_byok"}
FILES = re.compile(r".*\.(?:yaml|py|md|html|json|db|jsonl)")


def is_setting(path: str) -> bool:
    """One of the configuration's, a part of the way to some, or inside a mapping."""
    for name, kind in KINDS.items():
        pattern = re.escape(name).replace(r"\.NAME", r"\.[^.]+")
        if re.fullmatch(pattern, path) or name.startswith((f"{path}.", f"{path}[")):
            return True
        leaf = not any(other.startswith(f"{name}.") for other in KINDS)
        if leaf and kind == "mapping" and re.match(rf"{pattern}\.", path):
            return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_setting_that_a_page_names_is_there(page):
    sections = {re.split(r"[.\[]", name)[0] for name in KINDS}
    for span in spans(text_of(page)):
        told = re.match(r"[a-z_]+(?:\.\w+)+", span)
        if told is None or FILES.fullmatch(told[0]) or told[0] in OF_UPSTREAMS:
            continue
        if told[0].partition(".")[0] in sections:
            assert is_setting(told[0]), span


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The way to each value; … stands for what is left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "…":
                yield from leaves(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path.removesuffix("[]")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_yaml_of_a_page_states_settings_that_are_there(page):
    for block in blocks(text_of(page), "yaml"):
        stated = yaml.safe_load(block)
        if isinstance(stated, dict):  # the keys of a load test are a list
            for path in leaves(stated.get("args", stated)):
                assert is_setting(path), path
