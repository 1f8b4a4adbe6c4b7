"""One line of a records file."""

import json
import math
import re

import pytest

from artifacts.record_line import parse_record
from artifacts.token_price import TokenPrice

USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "cost": 0.5}
LONG = b"9" * 5000  # digits: more than Python turns into an integer


def line(**changes: object) -> bytes:
    good = {"query": "q", "records": {"a": 0.5}, "usages": {"a": USAGE}}
    return json.dumps({**good, **changes}).encode()


def test_a_line_without_dataset_and_index():
    record = parse_record(line(), {})

    assert (record.query, record.dataset, record.index) == ("q", "default", None)
    assert record.cells["a"].score == 0.5
    assert record.cells["a"].cost_usd == 0.5


def test_token_counts_that_are_not_stated_are_unknown():
    cell = parse_record(line(usages={"a": {"cost": 0}}), {}).cells["a"]

    assert cell.cost_usd == 0
    assert math.isnan(cell.prompt_tokens)
    assert math.isnan(cell.completion_tokens)


def test_a_stated_cost_is_not_replaced_by_an_estimate():
    record = parse_record(line(), {"a": TokenPrice(1.0, 1.0)})

    assert record.cells["a"].cost_usd == 0.5


def test_one_token_count_is_too_few_for_an_estimate():
    half = line(usages={"a": {"prompt_tokens": 10}})

    with pytest.raises(ValueError, match=r"usages\.a\.cost: missing"):
        parse_record(half, {"a": TokenPrice(1.0, 1.0)})


@pytest.mark.parametrize("score", [-0.01, 1.01])
def test_a_score_just_outside_its_range_is_refused(score):
    with pytest.raises(ValueError, match="outside"):
        parse_record(line(records={"a": score}), {})


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"null", "not a JSON object"),
        (b'{"query": 1e999}', "records: an object of model names is needed"),
        (b"[" * 100_000, "nested too deeply"),
        (line(records={"a": 10**400}), "records.a: a finite number is needed"),
        (line(records={"a": "1"}), "records.a: a number is needed"),
        (line(records={"a": None}), "records.a: a number is needed"),
        (line().replace(b"0.5", b"1e999"), "records.a: a finite number is needed"),
        (line().replace(b"0.5", b"Infinity"), "Infinity is not a number"),
        (line().replace(b"0.5", LONG), "records.a: a finite number is needed"),
        (line(index=7).replace(b"7", LONG), "index: a finite number is needed"),
        (line(query=7).replace(b"7", LONG), "query: a non-empty string is needed"),
        (line(records={"": 1}, usages={"": USAGE}), "model name: a non-empty string"),
        (line(records={"\ud800": 1}, usages={}), "model name: lone surrogates"),
        (line(query="\ud800"), "query: lone surrogates"),
        (line(query=None), "query: a non-empty string is needed"),
        (line(dataset=""), "dataset: a non-empty string is needed"),
        (line(usages={"a": {"cost": 1, "prompt_tokens": -1}}), "-1 is negative"),
        (b'{"records": {"a": 1, "a": 0}}', "duplicate key 'a'"),
    ],
)
def test_a_bad_field_is_named(bad, what):
    with pytest.raises(ValueError, match=re.escape(what)):
        parse_record(bad, {})


def test_a_long_number_in_a_field_that_is_not_read_does_not_matter():
    record = parse_record(line(note=7).replace(b"7", LONG), {})

    assert record.query == "q"
