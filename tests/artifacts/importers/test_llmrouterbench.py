"""LLMRouterBench's tree of results."""

import json

import pytest

from artifacts.errors import BadInput
from artifacts.importers.cells import ImportOptions
from artifacts.importers.formats import Format, import_results
from artifacts.token_price import TokenPrice

RECORD = {
    "index": 1,
    "origin_query": "What is 2+2?",
    "prompt": "Question: What is 2+2?\nAnswer:",
    "prediction": "4",
    "ground_truth": "4",
    "score": 1.0,
    "prompt_tokens": 15,
    "completion_tokens": 5,
    "cost": 0.0001,
    "raw_output": "4",
}


def put(root, place, *records, **fields):
    path = root / f"{place}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"records": records, **fields}), encoding="utf-8")
    return path


def imported(*sources, **options):
    return import_results(Format.LLMROUTERBENCH, sources, ImportOptions(**options))


def test_models_are_joined_by_the_query(tmp_path):
    other = RECORD | {"index": 2, "origin_query": "And 3+3?"}
    put(tmp_path, "aime/test/a/aime-test-a-20251001_120000", RECORD, other)
    put(tmp_path, "aime/test/b/aime-test-b-20251001_120000", RECORD | {"score": 0})

    result = imported(tmp_path)

    assert [record["records"] for record in result.records] == [
        {"a": 1, "b": 0},
        {"a": 1},
    ]
    assert result.records[0]["usages"]["a"] == {
        "prompt_tokens": 15,
        "completion_tokens": 5,
        "cost": 0.0001,
    }
    assert result.coverage.scored == {("a", "aime"): 2, ("b", "aime"): 1}


FAILED = {"prompt_tokens": 0, "completion_tokens": 0, "cost": 0.0, "score": 0.0}


def test_a_call_that_failed_for_good_is_no_wrong_answer(tmp_path):
    """Its error message was scored: with 0, or by chance with 1."""
    for model, scored in (("a", 0.0), ("b", 1.0)):
        put(tmp_path, f"aime/test/{model}/x-1", RECORD | FAILED | {"score": scored})
    put(tmp_path, "aime/test/c/x-1", RECORD)

    result = imported(tmp_path)

    assert [record["records"] for record in result.records] == [{"c": 1}]
    why = "no tokens were used: the call failed"
    assert result.coverage.reasons() == {why: 2}


def test_a_cost_of_nothing_for_tokens_that_were_used_is_unknown(tmp_path):
    put(tmp_path, "aime/test/a/x-1", RECORD | {"cost": 0.0})

    with pytest.raises(BadInput, match=r"x-1\.json: record 1: cost of 'a': missing"):
        imported(tmp_path)
    prices = {"a": TokenPrice(0.25, 0.5)}
    known = imported(tmp_path, prices=prices).records[0]["usages"]["a"]
    free = imported(tmp_path, prices={"a": TokenPrice(0, 0)}).records[0]["usages"]["a"]

    assert (known["cost"], known["cost_estimated"]) == (6.25, True)
    assert free["cost"] == 0


def test_the_newest_file_counts_and_the_older_are_named(tmp_path):
    old = put(tmp_path, "aime/test/a-2507/aime-test-a-2507-20250901_235959", RECORD)
    put(
        tmp_path,
        "aime/test/a-2507/aime-test-a-2507-20251001_000000",
        RECORD | {"score": 0},
    )

    result = imported(tmp_path)

    assert result.records[0]["records"] == {"a-2507": 0}
    assert str(old) in result.coverage.notes[0]


def test_other_time_stamps_are_compared_as_numbers(tmp_path):
    put(tmp_path, "aime/test/a/1735689600", RECORD)
    put(tmp_path, "aime/test/a/1759312800", RECORD | {"score": 0})

    assert imported(tmp_path).records[0]["records"] == {"a": 0}


def test_two_files_of_one_time_are_refused(tmp_path):
    put(tmp_path, "aime/test/a/x-20251001_000000", RECORD)
    put(tmp_path, "aime/test/a/y-20251001_000000", RECORD)

    with pytest.raises(BadInput, match="as new as"):
        imported(tmp_path)


def test_what_a_file_says_of_itself_goes_before_its_place(tmp_path):
    names = {"dataset_name": "gpqa", "split": "test", "model_name": "openai/gpt-5"}
    path = put(tmp_path, "somewhere", RECORD, **names)

    record = imported(path).records[0]

    assert (record["dataset"], list(record["records"])) == ("gpqa", ["openai/gpt-5"])


def test_two_splits_of_a_dataset_are_two_datasets(tmp_path):
    put(tmp_path, "mmlu/val/a/20251001_000000", RECORD)
    put(tmp_path, "mmlu/test/a/20251001_000000", RECORD)

    assert imported(tmp_path).coverage.datasets == ("mmlu/test", "mmlu/val")


def test_a_demo_run_is_not_read(tmp_path):
    put(tmp_path, "aime/test/a/20251001_000000", RECORD)
    demo = put(tmp_path, "aime/test/b/20251001_000000", RECORD, demo=True)

    assert imported(tmp_path).coverage.notes == (f"{demo}: a demo run, not read",)


def test_where_there_is_no_question_the_prompt_is_the_query(tmp_path):
    put(tmp_path, "tau2/test/a/20251001_000000", RECORD | {"origin_query": ""})

    assert imported(tmp_path).records[0]["query"] == RECORD["prompt"]


def test_a_score_that_is_null_is_a_gap_where_their_loader_counts_0(tmp_path):
    other = RECORD | {"index": 2, "origin_query": "And 3+3?", "score": None}
    put(tmp_path, "aime/test/a/20251001_000000", RECORD, other)

    coverage = imported(tmp_path).coverage

    assert coverage.scored == {("a", "aime"): 1}
    assert coverage.skipped == {("a", "aime", "no score"): 1}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"score": 2}, r"score: score 2 is outside \[0, 1\]"),
        ({"score": "1"}, "score: a number is needed"),
        ({"cost": -0.1}, "cost: -0.1 is negative"),
        ({"cost": None}, "cost of 'a': missing"),
        ({"prompt_tokens": "9", "cost": None}, "prompt_tokens: a number is needed"),
        ({"origin_query": ["x"]}, "origin_query: a non-empty string"),
        ({"origin_query": "", "prompt": " "}, "prompt: a non-empty string"),
    ],
)
def test_a_bad_record_is_named_with_its_field(tmp_path, changes, what):
    bad = {"index": 2, "origin_query": "And 3+3?"} | changes
    put(tmp_path, "aime/test/a/20251001_000000", RECORD, RECORD | bad)

    with pytest.raises(BadInput, match=rf"20251001_000000\.json: record 2: {what}"):
        imported(tmp_path)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "records: a list is needed"),
        (b'{"records": [1]}', "record 1: record: an object is needed"),
        (b'{"records": [], "model_name": 7}', "model_name: a non-empty string"),
        (b"\xff", "not UTF-8 at byte 0"),
    ],
)
def test_a_bad_file_is_named(tmp_path, data, what):
    path = put(tmp_path, "aime/test/a/20251001_000000")
    path.write_bytes(data)

    with pytest.raises(BadInput, match=rf"20251001_000000\.json: {what}"):
        imported(tmp_path)


def test_a_source_without_results_is_an_error(tmp_path):
    with pytest.raises(BadInput, match=r"no \.json file below it"):
        imported(tmp_path)
    with pytest.raises(BadInput, match="No such file"):
        imported(tmp_path / "no.json")
