"""A table of one's own, a row for each query and model."""

from pathlib import Path

import pytest

from artifacts.errors import BadInput
from artifacts.importers.cells import ImportOptions
from artifacts.importers.formats import Format, import_results
from artifacts.token_price import TokenPrice

HEAD = "query,model,score,cost,prompt_tokens,completion_tokens,dataset,index\n"
PRICED = ImportOptions(prices={"b": TokenPrice(0.001, 0.01)})


def table(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text(head + "\n".join(rows), encoding="utf-8")
    return path


def test_rows_of_a_query_become_one_record(tmp_path: Path) -> None:
    source = table(
        tmp_path / "own.csv",
        '"6 × 7, in words?",a,1,0.5,9,1,sums,3',
        '"6 × 7, in words?",b,0.25,,10,2,sums,3',
        "Why?,a,True,0.5,,,,",
        "Why?,b,,,,,,",
    )

    imported = import_results(Format.TABLE, [source], PRICED)

    why, sums = imported.records
    assert sums["query"] == "6 × 7, in words?"
    assert (sums["dataset"], sums["index"]) == ("sums", "3")
    assert sums["records"] == {"a": 1, "b": 0.25}
    priced = {"prompt_tokens": 10, "completion_tokens": 2, "cost": 0.03}
    assert sums["usages"]["b"] == priced | {"cost_estimated": True}
    assert (why["dataset"], why["records"]) == ("default", {"a": 1})
    assert imported.coverage.reasons() == {"no score": 1}


def test_a_spreadsheet_s_file_and_columns_of_others_are_read(tmp_path: Path) -> None:
    source = tmp_path / "own.csv"
    text = "model,query,score,cost,judge\r\na,Why?,1,0.5,me\r\n"
    source.write_bytes(text.encode("utf-8-sig"))

    imported = import_results(Format.TABLE, [source], ImportOptions())

    assert imported.records[0]["records"] == {"a": 1}
    assert imported.coverage.notes == (f"{source}: columns not read: judge",)


def test_parquet_keeps_types(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="the import extra is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    source = tmp_path / "own.parquet"
    columns = {
        "query": ["Why?", "Why?"],
        "model": ["a", "b"],
        "score": [True, False],
        "cost": [0.5, 0.25],
        "index": [7, 7],
    }
    parquet.write_table(arrow.table(columns), source)

    (record,) = import_results(Format.TABLE, [source], ImportOptions()).records

    assert record["records"] == {"a": 1, "b": 0}
    assert record["index"] == "7"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("Why?,a,95,0.5,,,,", "row 1: score: score 95 is outside [0, 1]"),
        ("Why?,a,yes,0.5,,,,", "row 1: score: 'yes' is not a number"),
        ("Why?,a,1,-1,,,,", "row 1: cost: -1 is negative"),
        ("Why?,,1,0.5,,,,", "row 1: model: a non-empty string is needed"),
        (" ,a,1,0.5,,,,", "row 1: query: a non-empty string is needed"),
        ("Why?,a,1,,9,9,,", "row 1: cost of 'a': missing"),
        ("Why?,a,1", "row 1: 3 fields instead of 8"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, what: str) -> None:
    source = table(tmp_path / "own.csv", row)

    with pytest.raises(BadInput) as refused:
        import_results(Format.TABLE, [source], ImportOptions())

    assert str(refused.value).startswith(f"{source}: {what}")


def test_a_column_that_is_missing_is_named_beside_those_there(tmp_path: Path) -> None:
    source = table(tmp_path / "own.csv", "Why?,1", head="prompt,score\n")

    with pytest.raises(BadInput, match=r"'query' is missing \(there are: prompt, sc"):
        import_results(Format.TABLE, [source], ImportOptions())
