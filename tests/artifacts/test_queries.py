"""Queries without labels, from whatever file."""

import gzip

import pytest

from artifacts.errors import BadInput, RecordError
from artifacts.queries import read_queries


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.txt", "one\n\n two \n"),
        ("q.jsonl", '{"query": "one", "records": {}}\n{"query": "two"}\n'),
        ("q.json", '"one"\n"two"\n'),
        ("q.jsonl", '{"query": "one", "id": ' + "9" * 5000 + '}\n"two"\n'),
        ("queries", "one\ntwo"),
        ("q.txt", "\ufeffone\r\ntwo\r\n"),
    ],
)
def test_each_kind_of_file_gives_its_texts(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")

    assert read_queries(tmp_path / name) == ("one", "two")


def test_a_compressed_file_is_read_by_the_name_inside(tmp_path):
    path = tmp_path / "q.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"query": "one"}\n'))

    assert read_queries(path) == ("one",)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{", "not JSON"),
        (b'{"text": "x"}', "query: a non-empty string"),
        (b'{"query": " "}', "query: a non-empty string"),
        (b"7", "query: a non-empty string"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b'"\\ud800"', "lone surrogates"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, what):
    path = tmp_path / "q.jsonl"
    path.write_bytes(b'"fine"\n' + line + b"\n")

    with pytest.raises(RecordError, match=what) as error:
        read_queries(path)
    assert str(error.value).startswith(f"{path}:2: ")


def test_a_file_without_queries_is_refused(tmp_path):
    (tmp_path / "q.txt").write_text("\n\n")

    with pytest.raises(BadInput, match="no queries"):
        read_queries(tmp_path / "q.txt")
