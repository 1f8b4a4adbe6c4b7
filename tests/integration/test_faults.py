"""The fault table: a fault upstream behind the real graph, row by row.

`scripts/bench/faults` prints the same rows with their times.
"""

from functools import cache

import pytest

from scripts.bench.fault_result import Result
from scripts.bench.fault_rows import Row, rows
from scripts.bench.faults import measure

pytestmark = pytest.mark.integration

HTTP1 = rows("HTTP/1.1")
# Over HTTP/2 rows are asked one by one; the quick ones of the protocol are enough.
OF_HTTP2 = {"cut-rst", "stream-reset", "goaway", "goaway-abrupt", "malformed-framing"}
HTTP2 = [
    row
    for row in rows("HTTP/2")
    if (row.fault in OF_HTTP2 and row.way == "auto") or row.leaves
]


@cache
def results(protocol: str, placement: str = "deployment") -> dict[Row, Result]:
    """All rows of a protocol, on one graph."""
    chosen = HTTP1 if protocol == "HTTP/1.1" else HTTP2
    return {result.row: result for result in measure(protocol, chosen, placement)}


@pytest.mark.parametrize("row", HTTP1, ids=lambda row: row.label)
def test_over_http1(row):
    assert results("HTTP/1.1")[row].wrong(timed=False) == []


@pytest.mark.parametrize("row", HTTP1, ids=lambda row: row.label)
def test_with_router_and_backend_inside_the_gateway(row):
    assert results("HTTP/1.1", "gateway")[row].wrong(timed=False) == []


@pytest.mark.parametrize("row", HTTP2, ids=lambda row: row.label)
def test_over_http2(row):
    assert results("HTTP/2")[row].wrong(timed=False) == []


@pytest.mark.parametrize("row", [row for row in HTTP1 if row.leaves], ids=str)
def test_a_client_that_leaves_leaves_nobody_working(row):
    entries = results("HTTP/1.1")[row].entries

    assert {entry.outcome for entry in entries} == {"client_left"}
