"""The simulator, and what it is asked."""

import json
from typing import Any

from deployments.backends.simulator import SimulatorBackend, SimulatorConfig
from deployments.catalog import Price
from deployments.protocol.backend import BackendRequest

PRICE = Price(input_usd_per_token=0.001, output_usd_per_token=0.002)


def request(**body: Any) -> BackendRequest:
    """A question to gpt-x; `body`: what else its JSON holds."""
    messages = [{"role": "user", "content": "Hello?"}]
    data = json.dumps({"messages": messages, **body}).encode()
    return BackendRequest("req-1", "gpt-x", "them/gpt-x", data, PRICE)


def simulator(**config: float) -> SimulatorBackend:
    """As fast as it can be."""
    return SimulatorBackend(
        SimulatorConfig(first_token_s=0, tokens_per_s=1e6, **config)
    )
