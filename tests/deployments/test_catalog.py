"""The catalog: what tokens cost, and which names are refused."""

import pytest
from pydantic import ValidationError

from deployments.catalog import ModelCatalog, Price


@pytest.mark.parametrize(
    ("price", "cost_usd"),
    [
        (Price(input_usd_per_token=0.5, output_usd_per_token=2), 7.0),
        (Price(input_usd_per_token=0, output_usd_per_token=0), 0.0),
        (Price(input_usd_per_token=0.5), None),
        (Price(), None),
    ],
)
def test_a_price_that_is_unknown_is_no_zero(price, cost_usd):
    assert price.cost_usd(2, 3) == cost_usd


@pytest.mark.parametrize(
    ("cached_usd", "cost_usd", "saved_usd"),
    [(None, 10.0, 0.0), (0.25, 7.75, 0.75), (2.0, 13.0, 0.0)],
)
def test_what_a_cache_held_costs_its_own_price_or_that_of_input(
    cached_usd, cost_usd, saved_usd
):
    """Where writing to a cache is dearer than not to use it, it saves nothing."""
    price = Price(
        input_usd_per_token=1, output_usd_per_token=2, cached_usd_per_token=cached_usd
    )

    assert price.cost_usd(4, 3, cached_tokens=3) == cost_usd
    assert price.cache_discount_usd == saved_usd


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ([{"id": "a"}, {"id": "a"}], "'a' is listed twice"),
        ([{"id": "auto"}], "'auto' names the router"),
        ([{"id": "auto:fast"}], "'auto' names the router"),
        ([{"id": ""}], "at least 1 character"),
        ([{"id": "通义"}], "printable ASCII is needed"),
        ([{"id": "a\nb"}], "printable ASCII is needed"),
        ([{"id": "a", "price": {"input_usd_per_token": -1}}], "greater than or equal"),
        (
            [{"id": "a", "price": {"input_usd_per_token": False}}],
            "a number was expected",
        ),
        (
            [{"id": "a", "price": {"output_usd_per_token": float("inf")}}],
            "finite number",
        ),
        ([{"id": "a", "speed": 1}], "Extra inputs"),
        ([], "at least 1 item"),
    ],
)
def test_mistakes_are_refused(changes, what):
    models = [{"upstream_model": "them/a", **change} for change in changes]

    with pytest.raises(ValidationError, match=what):
        ModelCatalog.model_validate({"models": models})


def test_models_keep_their_order():
    models = [{"id": name, "upstream_model": name} for name in ("b", "a")]
    catalog = ModelCatalog.model_validate({"models": models})

    assert catalog.ids == ("b", "a")
    assert catalog.by_id()["a"].upstream_model == "a"


def test_a_cost_has_the_digits_of_its_prices():
    price = Price(input_usd_per_token=1e-6, output_usd_per_token=2e-6)

    assert price.cost_usd(3, 7.5) == 1.8e-05
    assert price.cost_usd(8, 6) == 2e-05
