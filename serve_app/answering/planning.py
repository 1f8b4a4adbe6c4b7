"""From a request and its tenant to what may answer: α and the candidate models."""

from dataclasses import dataclass, field

from deployments.errors import InvalidRequest
from serve_app.access.request_size import PromptSize
from serve_app.access.tenants import Directory, Tenant
from serve_app.answering.candidates import (
    Limits,
    SurfacesOf,
    find_candidates,
)
from serve_app.answering.chat import Chat, ChatRequest
from serve_app.answering.prompt_size import prompt_size
from serve_app.answering.request_fields import AUTO
from serve_app.answering.unsuitable import cannot_be_used, nothing_left


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client says outside the body."""

    cost_tier: str | None = None  # of the URL
    alpha: float | None = None  # of the header x-routing-alpha


@dataclass(frozen=True, slots=True)
class Plan:
    """How a request is to be answered.

    `fixed_model` is what the client named; else `candidates` are to be ranked under
    `alpha`. `excluded` says why each other of the tenant's models is no candidate.
    """

    tenant: Tenant
    alpha: float
    cost_tier: str | None
    fixed_model: str | None
    candidates: tuple[str, ...]
    excluded: dict[str, str]
    prompt: PromptSize = field(default=PromptSize(()))


def make_plan(
    directory: Directory,
    tenant: Tenant,
    chat: Chat,
    asked: Asked,
    surfaces_of: SurfacesOf,
) -> Plan:
    """Resolve names and permissions; a ServingError says what is not to be had.

    `surfaces_of` tells which of OpenAI's paths the backend of a model answers.
    """
    request = chat.request
    fixed = None
    if not _is_auto(request.model):
        fixed = directory.spec(request.model, tenant).id
    tier_name = _tier_asked_for(request.model, asked)
    if tier_name is None and tenant.pinned:
        tier_name = tenant.cost_tier
    alpha = _alpha(directory, tenant, request, asked, tier_name)
    own_alpha = request.routing.alpha is not None or asked.alpha is not None
    if fixed is None and tier_name is None and not own_alpha:
        # What `auto` stands for; a model that is named is no matter of the tier.
        tier_name = tenant.cost_tier
    prompt = prompt_size(chat.raw, chat.surface)
    limits = Limits(directory, tenant, chat, tier_name, prompt, surfaces_of)
    candidates, excluded = find_candidates(limits)
    if fixed is not None and fixed in excluded:
        raise cannot_be_used(fixed, excluded[fixed], chat.surface)
    if not candidates:
        raise nothing_left(excluded, chat.surface)
    return Plan(tenant, alpha, tier_name, fixed, candidates, excluded, prompt)


def _is_auto(model: str) -> bool:
    return model == AUTO or model.startswith(f"{AUTO}:")


def _tier_asked_for(model: str, asked: Asked) -> str | None:
    """By the URL, or by the name of the model; InvalidRequest if they disagree."""
    if not model.startswith(f"{AUTO}:"):
        return asked.cost_tier
    named = model.partition(":")[2]
    if asked.cost_tier not in {None, named}:
        raise InvalidRequest(
            f"model asks for the cost tier {named!r}, the URL for {asked.cost_tier!r}.",
            param="model",
            code="cost_tier_conflict",
        )
    return named


def _alpha(
    directory: Directory,
    tenant: Tenant,
    request: ChatRequest,
    asked: Asked,
    tier_name: str | None,
) -> float:
    own = asked.alpha if request.routing.alpha is None else request.routing.alpha
    if tier_name is None:
        return tenant.alpha if own is None else own
    param = "model" if asked.cost_tier is None else None
    tier = directory.tier(tier_name, tenant, param)
    if own is not None and own != tier.alpha:
        raise InvalidRequest(
            f"The cost tier {tier_name!r} fixes alpha at {tier.alpha:g}.",
            param="routing.alpha",
            code="cost_tier_conflict",
        )
    return tier.alpha
