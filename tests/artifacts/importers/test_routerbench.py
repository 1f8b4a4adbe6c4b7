"""RouterBench's wide table, as CSV and as Parquet."""

import csv
import gzip
import lzma
import pickle

import pyarrow
import pyarrow.parquet
import pytest

from artifacts.errors import BadInput
from artifacts.importers import wide_table
from artifacts.importers.cells import ImportOptions
from artifacts.importers.formats import Format, import_results

HEAD = [
    "sample_id",
    "prompt",
    "eval_name",
    "org/big",
    "small",
    "org/big|model_response",
    "small|model_response",
    "org/big|total_cost",
    "small|total_cost",
    "oracle_model_to_route_to",
]
ROW = ["mmlu.2", "What is 6 × 7?", "mmlu", 1.0, 0.25, "42", "7", 0.004, 0.0001, "small"]


def csv_file(path, *rows, head=HEAD):
    opened = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def row(**changes):
    return [changes.get(name, value) for name, value in zip(HEAD, ROW, strict=True)]


def imported(path, **options):
    return import_results(Format.ROUTERBENCH, [path], ImportOptions(**options))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.xz"])
def test_a_row_is_a_record(tmp_path, name):
    result = imported(csv_file(tmp_path / name, ROW))

    assert result.records == [
        {
            "query": "What is 6 × 7?",
            "dataset": "mmlu",
            "index": "mmlu.2",
            "records": {"org/big": 1, "small": 0.25},
            "usages": {"org/big": {"cost": 0.004}, "small": {"cost": 0.0001}},
        }
    ]


def test_a_parquet_file_says_the_same_as_the_csv(tmp_path):
    other = row(sample_id="mmlu.10", prompt="Else?", small=None)
    columns = {
        name: [first, second]
        for name, first, second in zip(HEAD, ROW, other, strict=True)
    }
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)

    result = imported(path)

    assert result == imported(csv_file(tmp_path / "t.csv", ROW, other))
    assert result.coverage.skipped == {("small", "mmlu", "no score"): 1}


def test_a_column_that_parquet_holds_twice_is_refused(tmp_path):
    names = [*HEAD[:4], "org/big", *HEAD[5:]]
    path = tmp_path / "t.parquet"
    table = pyarrow.Table.from_arrays([pyarrow.array([v]) for v in ROW], names=names)
    pyarrow.parquet.write_table(table, path)

    with pytest.raises(BadInput, match="column 'org/big' is there twice"):
        imported(path)


def test_a_spreadsheet_s_mark_of_byte_order_is_no_part_of_the_header(tmp_path):
    plain = csv_file(tmp_path / "t.csv", ROW)
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())

    assert imported(marked) == imported(plain)


def test_fields_longer_than_csv_s_own_limit_are_read(tmp_path):
    path = csv_file(tmp_path / "t.csv", row(prompt="long " * 100_000))

    assert len(imported(path).records[0]["query"]) == 500_000


def test_a_line_that_is_too_long_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(wide_table, "MAX_LINE_BYTES", 1000)
    path = tmp_path / "t.csv.xz"
    path.write_bytes(lzma.compress(",".join(HEAD).encode() + b"\n" + b"," * 10**7))

    with pytest.raises(BadInput, match="row 1: not CSV: line longer than"):
        imported(path)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ('["Read this.", "Then \\"this\\"."]', 'Read this.\nThen "this".'),
        ("['Read \\d this.', \"It's\"]", "Read \\d this.\nIt's"),
        ("[1, 2] is a list?", "[1, 2] is a list?"),
        ("[1, 2]", "[1, 2]"),
        ("[not a list]", "[not a list]"),
        ("[{[1]: 2}]", "[{[1]: 2}]"),
    ],
)
def test_a_prompt_that_is_a_list_of_texts_is_one_text(tmp_path, prompt, text):
    path = csv_file(tmp_path / "t.csv", row(prompt=prompt))

    assert imported(path).records[0]["query"] == text


def test_a_list_column_of_parquet_is_one_text(tmp_path):
    columns = {name: [value] for name, value in zip(HEAD, ROW, strict=True)}
    path = tmp_path / "t.parquet"
    table = pyarrow.table(columns | {"prompt": [["Read this.", "Then that."]]})
    pyarrow.parquet.write_table(table, path)

    assert imported(path).records[0]["query"] == "Read this.\nThen that."


def test_an_empty_score_is_a_gap_and_an_empty_cost_is_unknown(tmp_path):
    gap = imported(csv_file(tmp_path / "gap.csv", row(small="")))
    unpriced = csv_file(tmp_path / "t.csv", ROW, row(**{"small|total_cost": ""}))

    assert gap.records[0]["records"] == {"org/big": 1}
    with pytest.raises(BadInput, match="missing, and not both tokens"):
        imported(csv_file(tmp_path / "u.csv", row(**{"small|total_cost": "nan"})))
    assert imported(unpriced).coverage.reasons() == {"the same query again": 2}


def test_columns_that_mean_nothing_here_are_named(tmp_path):
    path = csv_file(tmp_path / "t.csv", [*ROW, 1, 0], head=[*HEAD, "judge", ""])

    assert imported(path).coverage.notes == (f"{path}: columns not read: judge",)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"prompt": ""}, "row 2: prompt: a non-empty string"),
        ({"eval_name": ""}, "row 2: eval_name: a non-empty string"),
        ({"small": 1.5}, r"row 2: small: score 1.5 is outside \[0, 1\]"),
        ({"small": "yes"}, "row 2: small: 'yes' is not a number"),
        ({"small": "inf"}, "row 2: small: a finite number"),
        ({"small|total_cost": -1}, r"row 2: small\|total_cost: -1 is negative"),
        ({"org/big|total_cost": "?"}, r"row 2: org/big\|total_cost: '\?' is not"),
    ],
)
def test_a_bad_cell_is_named_with_row_and_column(tmp_path, changes, what):
    path = csv_file(tmp_path / "t.csv", ROW, row(**changes))

    with pytest.raises(BadInput, match=rf"t\.csv: {what}"):
        imported(path)


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (["x", *HEAD[1:]], "column 'sample_id' is missing"),
        ([*HEAD[:3], "x", *HEAD[4:]], "column 'org/big|.*' has no score column"),
        (HEAD[:3], r"no column MODEL\|total_cost"),
        ([*HEAD[:4], "org/big", *HEAD[5:]], "column 'org/big' is there twice"),
        ([], "column 'sample_id' is missing"),
    ],
)
def test_a_table_that_is_none_of_routerbench_s_is_refused(tmp_path, head, what):
    with pytest.raises(BadInput, match=what):
        imported(csv_file(tmp_path / "t.csv", ROW, head=head))


def test_a_row_that_is_too_short_is_refused(tmp_path):
    path = csv_file(tmp_path / "t.csv", ROW, ROW[:-3])

    with pytest.raises(BadInput, match="row 2: 7 fields instead of 10"):
        imported(path)


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("t.csv", b"sample_id\xff,prompt\n", "header: not UTF-8"),
        ("t.csv", b'sample_id,"prompt\n', "header: not CSV: unexpected end of data"),
        ("t.csv.xz", lzma.compress(b"sample_id,prompt\n")[:40], "broken compressed"),
        ("t.csv.gz", b"sample_id", "broken compressed file: Not a gzipped file"),
        ("t.parquet", b"PAR1", "broken Parquet file"),
        ("t.json", b"{}", "a .csv, .csv.gz, .csv.xz or .parquet is needed"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, name, data, what):
    (tmp_path / name).write_bytes(data)

    with pytest.raises(BadInput, match=what) as caught:
        imported(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "routerbench_0shot.pkl"
    path.write_bytes(pickle.dumps({}))

    with pytest.raises(BadInput, match=r"can run any code.*to_parquet"):
        imported(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    for name in ("no.csv", "no.parquet"):
        with pytest.raises(BadInput, match="No such file"):
            imported(tmp_path / name)
