import pytest

from scripts.marked import with_part


def test_a_part_is_replaced_between_its_marks():
    text = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"

    assert with_part(text, "x", "new") == (
        "a\n<!-- x -->\n\nnew\n\n<!-- end of x -->\nb\n"
    )


def test_a_file_without_the_marks_is_refused():
    with pytest.raises(SystemExit, match="no part is marked by <!-- x -->"):
        with_part("text", "x", "new")
