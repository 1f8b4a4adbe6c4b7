"""The Ledger's pools of limits by the minute."""

import pytest

from deployments.limits.ledger_protocol import Ask, Resource
from deployments.limits.rate_book import RateBook

ASK = Ask(Resource("rpm", "t"), 10)


@pytest.mark.parametrize(("limit", "granted"), [(19, 0), (20, 10)])
def test_a_limit_that_is_raised_counts_at_once(limit, granted):
    book = RateBook()
    assert book.lease("a", ASK, 10, now=0).amount == 10

    assert book.lease("a", ASK, limit, now=1).amount == granted


def test_a_limit_that_is_lowered_counts_at_once():
    book = RateBook()
    assert book.lease("a", ASK, 100, now=0).amount >= 10

    assert book.lease("a", ASK, 15, now=1).amount == 0


def test_a_slice_is_as_large_as_those_leave_who_have_asked_lately():
    book = RateBook()
    for replica in ("a", "b", "c"):
        book.lease(replica, ASK, 800, now=0)

    assert book.lease("a", ASK, 800, now=99).amount == 100
    assert book.lease("b", ASK, 800, now=99).amount == pytest.approx(700 / 8 / 2)
