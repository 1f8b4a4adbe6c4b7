"""What is asked of a backend for one model."""

from typing import Any

from deployments.catalog import ModelSpec, Timeouts
from deployments.protocol.backend import NO_SURCHARGES, BackendRequest
from serve_app.answering.call import BackendOf, BackendPort, Call
from serve_app.answering.chat import Chat
from serve_app.answering.extras import surcharges

# The least time that an attempt is given, once it is begun at all.
_LEAST_S = 1.0

Asking = tuple[BackendPort, BackendRequest]


def asking(
    call: Call, chat: Chat, backend_of: BackendOf, model: str, time_left_s: float
) -> Asking:
    """Whom to ask what: `chat`, the call's or what of it this model takes. An attempt
    may not take longer than `time_left_s`, what is left of the request's time."""
    spec = call.directory.specs[model]
    port = backend_of(call.directory, model)
    defaults = defaults_of(port, spec)
    request = BackendRequest(
        request_id=call.request_id,
        model=model,
        upstream_model=spec.upstream_model,
        body=chat.upstream_body(spec.upstream_model, defaults),
        price=spec.price,
        timeouts=_in_time(spec.timeouts, time_left_s),
        surface=chat.surface,
        secret=call.plan.tenant.byok.get(port.name),
        traceparent=call.watch.traceparent,
        # An engine of our own charges for nothing beside tokens.
        surcharges=NO_SURCHARGES if spec.vllm else surcharges(chat, defaults),
    )
    return port, request


def defaults_of(port: BackendPort, spec: ModelSpec) -> dict[str, Any]:
    """What is sent where the client says nothing."""
    return {**port.defaults, **spec.request_defaults}


def is_hurried(call: Call, request: BackendRequest) -> bool:
    """Whether it has less time than its model may take to begin."""
    own = call.directory.specs[request.model].timeouts
    return request.timeouts.total_s < min(own.first_token_s, own.total_s)


def _in_time(timeouts: Timeouts, time_left_s: float) -> Timeouts:
    left_s = max(_LEAST_S, time_left_s)
    if timeouts.total_s <= left_s:
        return timeouts
    return timeouts.model_copy(update={"total_s": left_s})
