"""Options out of range are refused while they are read."""

import argparse

import pytest

from scripts.option_types import number, result_file, result_folder, whole


@pytest.mark.parametrize("text", ["-1", "1.01", "nan", "inf", "many", ""])
def test_what_is_not_within_the_bounds_is_no_number(text):
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 1 is needed, not"):
        number(0, 1)(text)


def test_the_bounds_are_within():
    assert [number(0.5, 1)(text) for text in ("0.5", "1")] == [0.5, 1.0]
    assert [whole(1, 3)(text) for text in ("1", "3")] == [1, 3]
    with pytest.raises(argparse.ArgumentTypeError):
        whole(1, 3)("1.5")


def test_a_result_goes_into_a_folder_that_is_there(tmp_path):
    assert result_file(f"{tmp_path}/new.json") == tmp_path / "new.json"
    assert not (tmp_path / "new.json").exists()
    for text in (f"{tmp_path}/absent/new.json", str(tmp_path)):
        with pytest.raises(argparse.ArgumentTypeError, match="folder"):
            result_file(text)


def test_a_folder_of_results_is_made_and_a_file_is_none(tmp_path):
    assert result_folder(f"{tmp_path}/a/b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(argparse.ArgumentTypeError, match="file: File exists"):
        result_folder(f"{tmp_path}/file")
