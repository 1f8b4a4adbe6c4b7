"""Inspect's logs, as Inspect itself writes them."""

import shutil
from types import SimpleNamespace

import pytest

from artifacts.errors import BadInput
from artifacts.importers.cells import ImportOptions
from artifacts.importers.formats import Format, import_results
from artifacts.importers.inspect_samples import query_text, sample_score, sample_usage
from artifacts.token_price import TokenPrice
from tests.inspect_runs import make_logs

NAMES = {"mockllm/strong": "strong"}
PRICES = {"strong": TokenPrice(0.01, 0.1), "mockllm/cheap": TokenPrice(0.001, 0.01)}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    names = "pair", "json", "epochs", "graded", "priced", "retried", "failed", "arc"
    return make_logs(tmp_path_factory.mktemp("logs"), *names)


def imported(*sources, prices=PRICES, **options):
    given = ImportOptions(prices=prices, **{"model_names": NAMES} | options)
    return import_results(Format.INSPECT, sources, given)


def test_two_models_share_the_records_of_a_task_and_an_error_is_a_gap(logs):
    result = imported(logs / "pair")

    scores = {record["index"]: record["records"] for record in result.records}
    assert scores == {
        "1": {"mockllm/cheap": 1, "strong": 1},
        "10": {"strong": 1},
        "talk": {"mockllm/cheap": 0, "strong": 1},
    }
    assert result.coverage.scored[("mockllm/cheap", "sums")] == 2
    assert result.coverage.skipped == {("mockllm/cheap", "sums", "sample error"): 1}
    assert result.coverage.gaps == 1


def test_the_query_is_the_user_s_text_whole(logs):
    queries = [record["query"] for record in imported(logs / "pair").records]

    assert queries == ["1+1?", ("3+3? " + "Think. " * 500).strip(), "2+2?"]


def test_prompt_tokens_hold_what_came_from_the_provider_s_cache(logs):
    usages = imported(logs / "pair").records[0]["usages"]

    assert usages["strong"]["prompt_tokens"] == 140
    assert usages["strong"]["cost"] == pytest.approx(140 * 0.01 + 10 * 0.1)
    assert usages["strong"]["cost_estimated"] is True
    assert usages["mockllm/cheap"]["prompt_tokens"] == 100


def test_a_json_log_says_the_same(logs):
    assert imported(logs / "json") == imported(logs / "pair")


def test_a_cost_in_the_log_is_taken_and_no_price_is_needed(logs):
    usage = imported(logs / "priced", prices={}).records[0]["usages"]["strong"]

    assert usage["cost"] == pytest.approx(100e-6 + 10 * 2e-6)
    assert "cost_estimated" not in usage


def test_without_cost_and_price_the_error_names_sample_and_model(logs):
    with pytest.raises(BadInput, match=r"\.eval: sample 1 epoch 1: cost of 'strong'"):
        imported(logs / "pair" / one_log(logs / "pair", "strong"), prices={})


def one_log(folder, model):
    from inspect_ai.log import read_eval_log

    return next(
        path.name
        for path in folder.iterdir()
        if read_eval_log(path, header_only=True).eval.model.endswith(model)
    )


def test_epochs_are_averaged(logs):
    prices = {"mockllm/wavering": TokenPrice(0, 1)}
    record = imported(logs / "epochs", prices=prices, model_names={}).records[0]

    assert record["records"] == {"mockllm/wavering": 0.5}
    assert record["usages"]["mockllm/wavering"]["completion_tokens"] == 20
    assert record["usages"]["mockllm/wavering"]["cost"] == 20


def test_what_the_grader_used_is_not_the_model_s_cost(logs):
    usage = imported(logs / "graded", scorer="judged:correct").records[0]["usages"]

    assert usage["strong"]["prompt_tokens"] == 100
    assert usage["strong"]["completion_tokens"] == 10


def test_one_of_several_scores_is_chosen_by_name_and_key(logs):
    result = imported(logs / "graded", scorer="judged:correct")

    assert {record["records"]["strong"] for record in result.records} == {0.5}


@pytest.mark.parametrize(
    ("scorer", "what"),
    [
        (None, r"scores: several \(judged, percent\); choose with --scorer"),
        ("other", r"scores: no scorer 'other' \(there are: judged, percent\)"),
        ("judged", r"scores\.judged: several values \(confidence, correct, unscored\)"),
        ("percent:x", r"scores\.percent: one value, it has no 'x'"),
        ("percent", r"scores\.percent: score 70 is outside \[0, 1\]"),
    ],
)
def test_a_score_that_is_not_one_in_0_to_1_is_refused(logs, scorer, what):
    with pytest.raises(BadInput, match=rf"\.eval: sample 1 epoch 1: {what}"):
        imported(logs / "graded", scorer=scorer)


def test_a_score_that_the_scorer_left_open_is_a_gap(logs):
    with pytest.raises(BadInput, match="nothing to write"):
        imported(logs / "graded", scorer="judged:unscored")


def test_a_run_that_failed_is_refused_unless_asked_for(logs):
    with pytest.raises(BadInput, match=r"\.eval: status: 'error'"):
        imported(logs / "failed")
    result = imported(logs / "failed", allow_incomplete=True)

    assert result.coverage.skipped[("strong", "sums", "sample error")] == 1


def test_a_retry_takes_the_place_of_the_run_that_failed(logs):
    names = {"moody/strong": "strong"}
    result = imported(logs / "retried", model_names=names)

    assert result.coverage.scored == {("strong", "sums"): 3}
    assert [("retried in" in note) for note in result.coverage.notes] == [True]


def test_the_same_run_twice_is_refused(logs, tmp_path):
    name = one_log(logs / "priced", "strong")
    copy = shutil.copy(logs / "priced" / name, tmp_path / name)
    other = logs / "pair" / one_log(logs / "pair", "strong")

    with pytest.raises(BadInput, match="model 'strong' was measured on it before"):
        imported(copy, other)


def test_arc_puzzles_are_solved_by_all_cells(logs):
    records = imported(logs / "arc").records

    scores = {record["index"]: record["records"] for record in records}
    assert scores == {"two": {"strong": 1}, "three": {"strong": 0}}
    assert {record["dataset"] for record in records} == {"arc_agi"}
    assert "Example 1, input:\n1 0" in records[0]["query"]


@pytest.mark.parametrize(
    ("name", "cut", "what"),
    [
        ("x.eval", slice(0, 400), "not an Inspect log"),
        ("x.eval", slice(0, 0), "not an Inspect log"),
        ("x.txt", slice(0, 400), "not an Inspect log"),
    ],
)
def test_a_broken_log_is_refused_in_one_line(logs, tmp_path, name, cut, what):
    whole = logs / "pair" / one_log(logs / "pair", "strong")
    (tmp_path / name).write_bytes(whole.read_bytes()[cut])

    with pytest.raises(BadInput, match=what) as caught:
        imported(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["{", "{}", "[]", '{"version": 2, "status": "success"}']
)
def test_other_json_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "x.json").write_text(text)

    with pytest.raises(BadInput, match=r"x\.json: not an Inspect log") as caught:
        imported(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_a_folder_without_logs_is_an_error(tmp_path):
    (tmp_path / "listing.json").write_text("{}")

    with pytest.raises(BadInput, match="no Inspect log below it"):
        imported(tmp_path)
    with pytest.raises(BadInput, match="No such file"):
        imported(tmp_path / "x.eval")


def edited(logs, folder, **changes):
    """A copy of `strong`'s log in which the first sample is changed."""
    from inspect_ai.log import read_eval_log, write_eval_log

    log = read_eval_log(logs / "pair" / one_log(logs / "pair", "strong"))
    log.samples[0] = log.samples[0].model_copy(update=changes)
    write_eval_log(log, folder / "edited.eval")
    return folder / "edited.eval"


def test_a_sample_that_was_invalidated_is_a_gap(logs, tmp_path):
    from inspect_ai.log import ProvenanceData

    why = ProvenanceData(author="me", reason="the sandbox was down")
    coverage = imported(edited(logs, tmp_path, invalidation=why)).coverage

    assert coverage.reasons() == {"invalidated": 1}


def test_what_another_model_answered_is_no_label_of_this_one(logs, tmp_path):
    from inspect_ai.model import ModelFallback

    other = ModelFallback(model="mockllm/strong", fallback_model="mockllm/cheap")
    coverage = imported(edited(logs, tmp_path, model_fallbacks=[other])).coverage

    assert coverage.reasons() == {"another model answered": 1}


def test_the_same_id_with_another_input_is_refused(logs, tmp_path):
    path = edited(logs, tmp_path, input="1+2?")
    cheap = logs / "pair" / one_log(logs / "pair", "cheap")

    with pytest.raises(BadInput, match="sample '1' has another input than in"):
        imported(path, cheap)


def test_inspect_s_options_are_refused_for_other_formats(tmp_path):
    with pytest.raises(BadInput, match="are for inspect"):
        import_results(Format.ROUTERBENCH, [tmp_path], ImportOptions(scorer="x"))


def message(role, text):
    return SimpleNamespace(role=role, text=text)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (" 1+1? ", "1+1?"),
        ([message("user", "a"), message("assistant", "b"), message("user", "c")], "c"),
        ([message("user", "a"), message("user", "")], "a"),
        (
            [message("system", "The caller wants a refund.")],
            "The caller wants a refund.",
        ),
        ([message("user", "")], ""),
    ],
)
def test_the_query_is_what_the_gateway_would_embed(given, text):
    assert query_text(SimpleNamespace(input=given)) == text


@pytest.mark.parametrize(
    ("value", "score"),
    [
        ("C", 1),
        ("I", 0),
        ("P", 0.5),
        ("N", 0),
        (True, 1),
        (False, 0),
        (1, 1),
        (0.3, 0.3),
    ],
)
def test_grades_and_numbers_are_scores(value, score):
    sample = SimpleNamespace(scores={"s": SimpleNamespace(value=value)})

    assert sample_score(sample, None) == score


@pytest.mark.parametrize("value", ["yes", [1, 0], -0.1, 1.01, float("inf")])
def test_anything_else_is_not(value):
    sample = SimpleNamespace(scores={"s": SimpleNamespace(value=value)})

    with pytest.raises(ValueError, match=r"scores\.s"):
        sample_score(sample, None)


def usage(tokens_in, tokens_out, cost=None):
    return SimpleNamespace(
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        input_tokens_cache_read=None,
        input_tokens_cache_write=None,
        total_cost=cost,
    )


@pytest.mark.parametrize(
    ("of_model", "of_grader", "cost"),
    [
        (usage(10, 5, 0.5), usage(4, 1, 0.25), 0.25),
        (usage(10, 5, 0.5), usage(4, 1), None),
        (usage(10, 5), usage(4, 1, 0.25), None),
    ],
)
def test_a_cost_less_an_unknown_part_is_unknown(of_model, of_grader, cost):
    sample = SimpleNamespace(model_usage={"m": of_model}, role_usage={"g": of_grader})
    known = sample_usage(sample, "m", frozenset({"g"}))

    assert (known.prompt_tokens, known.completion_tokens, known.cost_usd) == (
        6,
        4,
        cost,
    )


@pytest.mark.parametrize("of_model", [{}, {"m": usage(0, 0)}])
def test_no_usage_is_unknown_and_not_zero(of_model):
    sample = SimpleNamespace(model_usage=of_model, role_usage={})

    assert sample_usage(sample, "m", frozenset()).prompt_tokens is None
