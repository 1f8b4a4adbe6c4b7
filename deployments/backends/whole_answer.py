"""What an upstream's whole answer says, or how it has failed."""

from typing import Any

from deployments.backends.chat_events import failure_in
from deployments.backends.responses_stream import response_failure, usage_of_response
from deployments.backends.settling import settle
from deployments.backends.surcharges import Shown
from deployments.backends.usage import cost_of, usage_of
from deployments.errors import ServingError, UpstreamError
from deployments.protocol.backend import BackendRequest, Settlement, Surface


def settled(
    request: BackendRequest, data: dict[str, Any], upstream_s: float
) -> Settlement:
    """What an answer says it used and cost.

    Raises the error that it tells of instead, with what it was charged all the same.
    """
    responses = request.surface == "responses"
    provider, named = data.get("provider"), data.get("id")
    shown = Shown()
    shown.see(data)
    settlement = settle(
        request,
        usage_of_response(data) if responses else usage_of(data),
        cost_of(data),
        provider if isinstance(provider, str) else None,
        generation_id=named if isinstance(named, str) and named else None,
        upstream_s=upstream_s,
        shown=shown,
    )
    if failure := _failure(data, request.surface):
        failure.generation_id = settlement.generation_id
        failure.settlement = settlement
        raise failure
    return settlement


def _failure(data: dict[str, Any], surface: Surface) -> ServingError | None:
    if surface == "responses":
        error = data.get("error")
        if error or data.get("status") == "failed":
            return response_failure(error)
        # It may be empty: all that its limit allowed was thought.
        there = isinstance(data.get("output"), list)
    else:
        if failure := failure_in(data):
            return failure
        choices = data.get("choices")
        there = isinstance(choices, list) and bool(choices)
    return None if there else UpstreamError("The upstream's answer is empty.")
