"""What a Serve configuration's catalog says about prices, for the offline side."""

from pathlib import Path

from artifacts.token_price import TokenPrice
from serve_app.config_file import read_app_config


def catalog_prices(config: Path | None) -> dict[str, TokenPrice]:
    """Prices of the models in a Serve configuration, where both are known."""
    if config is None:
        return {}
    prices = {}
    for spec in read_app_config(config).catalog.models:
        input_usd = spec.price.input_usd_per_token
        output_usd = spec.price.output_usd_per_token
        if input_usd is not None and output_usd is not None:
            prices[spec.id] = TokenPrice(input_usd, output_usd)
    return prices
