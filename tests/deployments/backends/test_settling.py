"""What an answer cost, where its upstream does not say."""

from dataclasses import replace

import pytest

from deployments.backends.settling import settle
from deployments.catalog import Price
from deployments.protocol.backend import BackendRequest, Usage

PRICE = Price(
    input_usd_per_token=1.0, output_usd_per_token=10.0, cached_usd_per_token=0.25
)
REQUEST = BackendRequest("r", "m", "them/m", b"{}", PRICE)


@pytest.mark.parametrize(
    ("cached_tokens", "cost_usd"), [(None, 120.0), (0, 120.0), (80, 60.0)]
)
def test_what_the_cache_held_costs_what_the_table_says_of_it(cached_tokens, cost_usd):
    settlement = settle(REQUEST, Usage(100, 2, 102, cached_tokens), None, None)

    assert (settlement.cost_usd, settlement.cost_source) == (cost_usd, "price_table")


@pytest.mark.parametrize(("price", "cost_usd"), [(None, 60.0), (1.25, 65.0)])
def test_what_was_written_to_the_cache_costs_what_the_table_says_of_it(price, cost_usd):
    table = PRICE.model_copy(update={"cache_write_usd_per_token": price})
    usage = Usage(110, 1, 111, cached_tokens=80, cache_write_tokens=20)

    assert settle(replace(REQUEST, price=table), usage, None, None).cost_usd == cost_usd
