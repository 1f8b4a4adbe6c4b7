"""The authors' JSONL: their scores and costs, and nothing where they have nothing."""

import json

import pytest

from artifacts.errors import BadInput, RecordError
from artifacts.importers.cells import ImportOptions
from artifacts.importers.formats import Format, import_results

LINE = {
    "query": "6 × 7?",
    "dataset": "sums",
    "index": 3,
    "records": {"a": 1.0, "b": 0.0},
    "usages": {
        "a": {"prompt_tokens": 9, "completion_tokens": 2, "cost": 0.5},
        "b": {"cost": 0.25},
    },
}

LONG = "9" * 5000  # digits: more than Python turns into an integer


def imported(tmp_path, *lines, **options):
    path = tmp_path / "r.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8")
    return import_results(Format.AVENGERS_PRO, [path], ImportOptions(**options))


def test_a_line_is_a_record(tmp_path):
    record = imported(tmp_path, LINE).records[0]

    assert (record["dataset"], record["index"]) == ("sums", "3")
    assert record["records"] == {"a": 1, "b": 0}
    assert record["usages"]["a"]["prompt_tokens"] == 9
    assert record["usages"]["b"] == {"cost": 0.25}


def test_a_missing_cost_is_not_free(tmp_path):
    line = LINE | {"usages": {"a": {"cost": None}, "b": {"cost": 0.25}}}

    with pytest.raises(BadInput, match=r"r\.jsonl:1: cost of 'a': missing"):
        imported(tmp_path, line)
    dropped = imported(tmp_path, line, drop_unpriced=True)

    assert dropped.records[0]["records"] == {"b": 0}


def test_an_estimate_stays_one_when_records_are_read_again(tmp_path):
    estimate = {"cost": 0.25, "cost_estimated": True}
    line = LINE | {"usages": LINE["usages"] | {"b": estimate}}
    result = imported(tmp_path, line)

    assert result.records[0]["usages"]["b"] == estimate
    assert "cost_estimated" not in result.records[0]["usages"]["a"]
    assert result.coverage.estimated == {("b", "sums"): 1}


def test_a_missing_model_is_a_gap(tmp_path):
    other = LINE | {"query": "else", "index": 4, "records": {"a": 1, "b": None}}
    result = imported(tmp_path, LINE, other)

    assert result.records[1]["records"] == {"a": 1}
    assert result.coverage.scored == {("a", "sums"): 2, ("b", "sums"): 1}


def test_lines_of_one_query_are_joined(tmp_path):
    halves = [LINE | {"records": {m: 1}, "usages": LINE["usages"]} for m in "ab"]

    assert imported(tmp_path, *halves).records[0]["records"] == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON: Expecting property name"),
        ("[]", "not a JSON object"),
        (LINE | {"query": " "}, "query: a non-empty string is needed"),
        (LINE | {"index": "\ud800"}, "index: lone surrogates are not text"),
        (LINE | {"dataset": 7}, "dataset: a non-empty string is needed"),
        (LINE | {"records": {}}, "records: no model"),
        (LINE | {"records": {"a": 1.5}}, r"records.a: score 1.5 is outside \[0, 1\]"),
        (LINE | {"records": {"a": "1"}}, "records.a: a number is needed"),
        (LINE | {"records": {"a": float("nan")}}, "records.a: a finite number"),
        (LINE | {"usages": []}, "usages: an object is needed"),
        (LINE | {"usages": {"a": {"cost": -1}}}, "usages.a.cost: -1 is negative"),
        (json.dumps(LINE).replace("0.5", LONG), "usages.a.cost: a finite number"),
        (json.dumps(LINE).replace("3", LONG), "index: a finite number is needed"),
        ('{"query": "a", "query": "b"}', "duplicate key 'query'"),
    ],
)
def test_a_bad_line_is_named_with_its_field(tmp_path, line, what):
    with pytest.raises(RecordError, match=rf"r\.jsonl:2: {what}"):
        imported(tmp_path, LINE, line)
