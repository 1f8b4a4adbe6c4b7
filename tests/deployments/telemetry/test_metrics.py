"""What the Embedder and the Ledger tell."""

from deployments.telemetry.metrics import BudgetLeft, EmbedderMetrics, LedgerMetrics
from tests.kept_metrics import kept


async def test_budgets_are_told_from_the_start_on():
    tally, told = kept()
    budgets = [BudgetLeft("acme", 10.0, 2.5)]
    metrics = LedgerMetrics(tally, lambda: budgets, lambda: 2)
    metrics.start()
    tally.stop()

    assert told.gauges["avengers_budget_usd"] == {("acme",): 10.0}
    assert told.gauges["avengers_budget_remaining_usd"] == {("acme",): 2.5}
    assert told.gauges["avengers_unreadable_tenants"] == {(): 2}


async def test_a_batch_is_told_by_its_texts_and_by_its_tokens():
    tally, told = kept()
    EmbedderMetrics(tally).batch(3, 700)
    tally.flush()

    assert told.gauges["avengers_embed_batch_size_sum"] == {(): 3.0}
    assert told.gauges["avengers_embed_batch_tokens_sum"] == {(): 700.0}
