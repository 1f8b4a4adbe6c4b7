"""Usage records as a file for others."""

import csv
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.usage.record import UsageRecord
from serve_app.commands.usage_file import write_usage
from tests.deployments.store.made import record


@pytest.mark.parametrize("start", list("=+-@\t\r"))
async def test_a_text_of_a_client_is_no_formula_of_a_spreadsheet(tmp_path, start):
    async def records() -> AsyncIterator[UsageRecord]:
        yield replace(record(), requested_model=f"{start}cmd()")

    out: Path = tmp_path / "usage.csv"
    assert await write_usage(out, "csv", records()) == 1

    with out.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["requested_model"] == f"'{start}cmd()"
