"""Whom to ask, once it is over, what an answer or a failure was charged."""

from dataclasses import replace
from functools import partial

from deployments.errors import ServingError
from deployments.protocol.backend import BackendRequest, Settlement
from serve_app.answering.call import BackendPort
from serve_app.answering.correction import Ask


async def _said(settlement: Settlement) -> Settlement:
    """The answer where nobody has to be asked."""
    return settlement


def ask_later(
    port: BackendPort, request: BackendRequest, generation_id: str | None
) -> Ask | None:
    """How to learn later what an answer was charged; None if nobody could tell."""
    if generation_id is None or not port.tells_costs:
        return None
    # It may be asked minutes later: the prompt is not held so long.
    asked = replace(request, body=b"")
    return partial(port.backend.settle, asked, generation_id)


def ask_of_failure(
    port: BackendPort, request: BackendRequest, error: ServingError
) -> Ask | None:
    """Who says what a failure was charged: what came with it, if the upstream said it
    or nobody can be asked; else whoever can."""
    told, ask = error.settlement, ask_later(port, request, error.generation_id)
    if told is None or told.cost_usd is None:
        return ask
    said = told.cost_source == "upstream"
    return partial(_said, told) if said or ask is None else ask
