"""Our Inspect task for ARC-AGI: what is asked, and what counts as an answer.

`tests/artifacts/importers/test_inspect_logs.py` runs it.
"""

import json

import pytest

from scripts.inspect.arc_agi import answered_grid, arc_agi, samples_of

PUZZLE = {
    "train": [{"input": [[1, 0], [0, 0]], "output": [[0, 1], [0, 0]]}],
    "test": [{"input": [[2, 0]], "output": [[0, 2]]}],
}


def puzzle(path, **changes):
    path.write_text(json.dumps(PUZZLE | changes), encoding="utf-8")
    return path


def test_the_prompt_shows_examples_and_input_but_not_the_answer(tmp_path):
    (sample,) = samples_of(puzzle(tmp_path / "a1.json"))

    assert (sample.id, sample.target) == ("a1", "0 2")
    assert "Example 1, input:\n1 0\n0 0\n" in sample.input
    assert sample.input.endswith("Test input:\n2 0\n")
    assert "0 2" not in sample.input


def test_every_test_input_is_a_sample(tmp_path):
    path = puzzle(tmp_path / "a1.json", test=PUZZLE["test"] * 2)

    assert [sample.id for sample in samples_of(path)] == ["a1/1", "a1/2"]


def test_puzzles_come_in_the_order_of_their_names(tmp_path):
    for name in ("b", "a", "c"):
        puzzle(tmp_path / f"{name}.json")

    assert [sample.id for sample in arc_agi(str(tmp_path)).dataset] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("0 2\n3 4", [[0, 2], [3, 4]]),
        ("The rows turn.\n\n```\n0 2\n3 4\n```\n", [[0, 2], [3, 4]]),
        ("First I thought\n1 1\nbut it is\n0 2", [[0, 2]]),
        ("0,2\n3,4", [[0, 2], [3, 4]]),
        ("02\n34", [[0, 2], [3, 4]]),
        ("It is [[0, 2], [3, 4]].", [[0, 2], [3, 4]]),
        ("[[0, 2],\n [3, 4]]", [[0, 2], [3, 4]]),
        ("[[1, 1]] is wrong:\n0 2", [[0, 2]]),
        ("0 2\nor better [[1, 1]]", [[1, 1]]),
        ("There is no rule in 3 examples.", None),
        ("", None),
    ],
)
def test_the_last_grid_of_an_answer_counts(text, grid):
    assert answered_grid(text) == grid


@pytest.mark.parametrize(
    "changes",
    [
        {"test": [{"input": [[2]]}]},
        {"test": [{"input": [[2], [1, 2]], "output": [[1]]}]},
        {"test": [{"input": [[2]], "output": [[10]]}]},
        {"test": [{"input": [], "output": [[1]]}]},
        {"train": [{"input": 7, "output": [[1]]}]},
    ],
)
def test_a_file_that_is_no_puzzle_is_named(tmp_path, changes):
    with pytest.raises(ValueError, match=r"a1\.json: not an ARC task"):
        samples_of(puzzle(tmp_path / "a1.json", **changes))


def test_a_folder_without_puzzles_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \.json task file"):
        arc_agi(str(tmp_path))
