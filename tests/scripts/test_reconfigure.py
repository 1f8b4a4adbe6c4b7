"""What the judgement of an edit under load rests on."""

import copy
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.reconfigure.edits import Edit, edits, is_repriced
from scripts.reconfigure.graph import OTHER_KEY, SOURCE, Config, deployment
from scripts.reconfigure.load import Outcome, failures
from scripts.reconfigure.trial import Result, gone, settled
from serve_app.access.tenants import Directory
from serve_app.http.model_list import model_list
from serve_app.live_settings import LiveSettings

EDIT = Edit("α", lambda config: None, seen=lambda one: one.alpha == 0.9)
HELD = Result(
    edit=EDIT,
    restarted=frozenset(),
    requests=10,
    streams_across=2,
    failed=Counter(),
    effect_s=0.5,
    settled=True,
    checked=True,
)


def outcome(began: float, ended: float, alpha: float) -> Outcome:
    return Outcome(began, ended, None, stream=True, alpha=alpha)


def test_an_edit_that_did_what_it_says_holds() -> None:
    assert HELD.holds


@pytest.mark.parametrize(
    "changes",
    [
        {"restarted": frozenset({"Gateway"})},
        {"failed": Counter({"ReadError": 1})},
        {"streams_across": 0},
        {"settled": False},
        {"checked": False},
        {"error": "UNHEALTHY"},
    ],
)
def test_it_does_not_hold_otherwise(changes: dict[str, object]) -> None:
    assert not replace(HELD, **changes).holds


def test_a_replica_with_another_process_is_gone() -> None:
    before = {"Gateway": {"a": 1, "b": 2}, "Router": {"c": 3}}
    after = {"Gateway": {"a": 1, "b": 2, "d": 4}, "Router": {"c": 5}}

    assert gone(before, after) == {"Router"}


def test_answers_that_were_under_way_may_still_be_of_the_old_config() -> None:
    assert settled(EDIT, [outcome(0, 2, 0.5), outcome(1, 1.5, 0.9), outcome(3, 4, 0.9)])
    assert not settled(EDIT, [outcome(0, 1, 0.9), outcome(2, 3, 0.5)])


def test_failures_are_counted_by_what_went_wrong() -> None:
    broken = replace(outcome(0, 1, 0.5), failure="ReadError")

    assert failures([broken, broken, outcome(0, 1, 0.5)]) == {"ReadError": 2}


def listed(config: Config) -> list[dict[str, Any]]:
    """What the edit's tenant is told of models."""
    live = LiveSettings.model_validate(deployment(config, "Gateway")["user_config"])
    keys = {"AVENGERS_DEV_KEY": "sk-av-dev", "AVENGERS_OTHER_KEY": OTHER_KEY}
    directory = Directory(live, keys)
    tenant = directory.authenticate(f"Bearer {OTHER_KEY}")
    models: list[dict[str, Any]] = model_list(directory, tenant)["data"]
    return models


def test_a_price_that_is_not_taken_is_noticed(tmp_path: Path) -> None:
    [edit] = [one for one in edits(tmp_path) if "another price" in one.name]
    config = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    before = copy.deepcopy(deployment(config, "Gateway")["user_config"]["catalog"])

    edit.change(config)
    assert is_repriced(listed(config))

    deployment(config, "Gateway")["user_config"]["catalog"] = before
    assert not is_repriced(listed(config))
