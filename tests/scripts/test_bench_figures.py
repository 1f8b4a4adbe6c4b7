"""What benchmarks say of few figures, and leave behind when they are wrong."""

import pytest

from scripts.bench.budget_run import Tally, wrong
from scripts.bench.route import p99
from scripts.bench.streams import first_tokens
from scripts.bench.upstream import shares, upstream


def test_a_percentile_of_few_is_not_beyond_the_greatest():
    assert p99([1.0, 2.0]) == pytest.approx(1.99)
    assert first_tokens([1.0, 2.0]) == "p50 1.500 s, p99 1.990 s"


def test_no_stream_has_no_first_token():
    assert first_tokens([]) == "of 0 streams: too few to tell"


def test_as_many_are_counted_as_are_asked():
    assert shares(100, 64) == (1, 64)
    assert shares(4000, 20) == (200, 4000)
    assert shares(10, 16) == (1, 16)


def test_the_upstream_ends_with_its_block_whatever_happens():
    with pytest.raises(ZeroDivisionError), upstream() as (_, process):
        raise ZeroDivisionError
    assert not process.is_running()


def test_a_budget_that_was_spent_before_anybody_was_killed_proves_nothing():
    spent = Tally(answered=9, seen_usd=1.0, spent_usd=1.0, to_kill=2)
    killed = Tally(spent_usd=1.0, to_kill=2, killed=["Gateway", "Gateway"])

    assert wrong(spent, 1.0) == ["only 0 of 2 were killed in time"]
    assert wrong(killed, 1.0) == []
