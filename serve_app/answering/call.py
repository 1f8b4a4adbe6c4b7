"""One request that is to be answered, and the backends that may answer it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.protocol.backend import Backend
from serve_app.access.tenants import Directory
from serve_app.access.ticket import Ticket
from serve_app.answering.chat import Chat
from serve_app.answering.planning import Plan
from serve_app.answering.watching import Unwatched, Watch


@dataclass(frozen=True, slots=True)
class BackendPort:
    """A backend, and what its requests carry where the client says nothing."""

    name: str
    backend: Backend
    defaults: Mapping[str, Any] = field(default_factory=dict)
    tells_costs: bool = False  # of answers that failed, when asked later


@dataclass(frozen=True, slots=True)
class Call:
    """One request: how it is to be answered, and by whose settings."""

    plan: Plan
    chat: Chat
    directory: Directory
    request_id: str
    ticket: Ticket = field(default_factory=Ticket)
    watch: Watch = field(default_factory=Unwatched)


# Of OpenAI's `service_tier`: what everybody is served in.
_USUAL_TIERS = (None, "auto", "default")

# By the directory of the request: a model of it may be in no later one.
BackendOf = Callable[[Directory, str], BackendPort]


def breaker_key(call: Call, backend_of: BackendOf, model: str) -> str:
    """What a breaker is kept for: a model. A tenant's own key has limits of its own,
    and so have the providers that a client keeps to (OpenRouter's `provider`) and a
    service tier that is not the usual one (`flex` is refused while that has room): that
    they fail says nothing to others."""
    tenant = call.plan.tenant
    secret = tenant.byok.get(backend_of(call.directory, model).name)
    key = model if secret is None else f"{model} {secret}"
    raw = call.chat.raw
    apart = raw.get("provider") or raw.get("service_tier") not in _USUAL_TIERS
    return f"{key} {tenant.id}" if apart else key
