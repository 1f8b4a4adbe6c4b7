"""The simulator, and what it is asked."""

import json
from typing import Any

from deployments.backends.simulator import SimulatorBackend, SimulatorConfig
from deployments.catalog import Price
from deployments.protocol.backend import BackendRequest, Surface

PRICE = Price(input_usd_per_token=0.001, output_usd_per_token=0.002)
ASKED: dict[Surface, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": "Hello?"}]},
    "completions": {"prompt": "Hello?"},
    "responses": {"input": "Hello?"},
}


def request(surface: Surface = "chat/completions", **body: Any) -> BackendRequest:
    """A question to gpt-x; `body`: what else its JSON holds."""
    data = json.dumps({**ASKED[surface], **body}).encode()
    return BackendRequest("req-1", "gpt-x", "them/gpt-x", data, PRICE, surface=surface)


def simulator(**config: float) -> SimulatorBackend:
    """As fast as it can be."""
    return SimulatorBackend(
        SimulatorConfig(first_token_s=0, tokens_per_s=1e6, **config)
    )


async def whole(surface: Surface, **body: Any) -> dict[str, Any]:
    """The answer in one object."""
    return json.loads((await simulator().complete(request(surface, **body))).body)


async def wired(surface: Surface, **body: Any) -> list[list[str]]:
    """The lines of each event of a stream."""
    *frames, _ = [item async for item in simulator().stream(request(surface, **body))]
    text = b"".join(frames).decode()
    return [event.split("\n") for event in text.removesuffix("\n\n").split("\n\n")]
