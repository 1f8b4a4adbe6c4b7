"""Sums of usage as people read them."""

from dataclasses import replace

from deployments.store.usage_query import UsageRow
from serve_app.http.usage_report import total

ROW = UsageRow(1, 0, 0, 10, 5, None, None, 0, 0.1, 0, 1, 10, 5, 0.1)


def test_the_total_is_what_the_database_would_have_summed():
    rows = [ROW, replace(ROW, cost_usd=0.2, comparable_cost_usd=0.2), ROW, ROW]
    summed = total(rows)

    assert (summed.cost_usd, summed.comparable_cost_usd) == (0.5, 0.5)
    assert total(rows[:2]).cost_usd == 0.3
    assert (summed.requests, summed.prompt_tokens) == (4, 40)
