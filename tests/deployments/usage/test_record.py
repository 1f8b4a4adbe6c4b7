"""What is a usage record, and what only looks like one."""

from typing import Any

import orjson
import pytest

from deployments.usage.record import UsageRecord
from tests.deployments.store.made import record


def line(**changes: Any) -> bytes:
    return orjson.dumps({**orjson.loads(record().to_json()), **changes})


def test_what_is_written_is_read_again():
    full = record(failures=("a=timeout",), clusters=(3, 1), cost_usd=1, similarity=0.5)

    assert UsageRecord.from_json(full.to_json()) == full


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cost_usd", "0.25"),
        ("cost_usd", True),
        ("reserved_usd", None),
        ("prompt_tokens", 10.5),
        ("prompt_tokens", "10"),
        ("revision", None),
        ("at", "2026-06-01"),
        ("at", None),
        ("tenant", 7),
        ("tenant", None),
        ("model", ["small"]),
        ("stream", 0),
        ("status", None),
        ("clusters", [1, "2"]),
        ("clusters", "12"),
        ("failures", [None]),
        ("shadow_agrees", "yes"),
    ],
)
def test_a_field_of_another_type_is_named(field, value):
    with pytest.raises(ValueError, match=f"not a usage record: {field} "):
        UsageRecord.from_json(line(**{field: value}))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b'"use-1"', b"null", b"{}"])
def test_what_is_no_record_at_all(text):
    with pytest.raises(ValueError):  # noqa: PT011  (the JSON's own, too)
        UsageRecord.from_json(text)


def test_fields_of_a_newer_release_are_left_out():
    newer = line(region="eu", cost_source="invoice", clusters=[4])

    found = UsageRecord.from_json(newer)

    assert (found.id, found.cost_usd, found.clusters) == ("use-1", 0.25, (4,))
    assert found.cost_source == "invoice"


def test_fields_that_an_older_release_did_not_have_are_unknown():
    older = orjson.loads(line())
    for name in ("similarity", "shadow_model", "failures"):
        del older[name]

    assert UsageRecord.from_json(orjson.dumps(older)) == record()
