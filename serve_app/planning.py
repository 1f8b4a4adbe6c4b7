"""From a request and its tenant to what may answer: α and the candidate models."""

from dataclasses import dataclass

from deployments.errors import InvalidRequest
from serve_app.chat import AUTO, ChatRequest, needed_capabilities
from serve_app.tenants import Directory, Tenant


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


def make_plan(
    directory: Directory, tenant: Tenant, request: ChatRequest, asked: Asked
) -> Plan:
    """Resolve names and permissions; a ServingError says what is not to be had."""
    fixed = None
    tier_name = asked.cost_tier
    if not _is_auto(request.model):
        fixed = directory.spec(request.model, tenant).id
    elif request.model != AUTO:
        named = request.model.partition(":")[2]
        if tier_name not in {None, named}:
            raise InvalidRequest(
                f"model asks for the cost tier {named!r}, the URL for {tier_name!r}.",
                param="model",
            )
        tier_name = named
    alpha = _alpha(directory, tenant, request, asked, tier_name)
    own_alpha = request.routing.alpha is not None or asked.alpha is not None
    if fixed is None and tier_name is None and not own_alpha:
        # What `auto` stands for; a model that is named is no matter of the tier.
        tier_name = tenant.cost_tier
    candidates, excluded = _candidates(directory, tenant, request, tier_name)
    if fixed is not None and fixed in excluded:
        message = f"The model {fixed!r} cannot be used here: {excluded[fixed]}."
        raise InvalidRequest(message, param="model", code="model_not_suitable")
    return Plan(tenant, alpha, tier_name, fixed, candidates, excluded)


def _is_auto(model: str) -> bool:
    return model == AUTO or model.startswith(f"{AUTO}:")


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
        )
    return tier.alpha


def _candidates(
    directory: Directory, tenant: Tenant, request: ChatRequest, tier_name: str | None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Candidates in the catalog's order, and why each other model is none."""
    _refuse_unknown_models(directory, request)
    tier = directory.settings.cost_tiers[tier_name] if tier_name else None
    wanted = request.routing.models
    needed = needed_capabilities(request)
    excluded: dict[str, str] = {}
    for model, spec in directory.specs.items():
        lacking = sorted(needed - spec.capabilities)
        if model not in tenant.models:
            continue  # to this tenant it does not exist
        if tier is not None and tier.models is not None and model not in tier.models:
            excluded[model] = f"it is not in the cost tier {tier_name!r}"
        elif wanted is not None and model not in wanted:
            excluded[model] = "it is not in routing.models"
        elif model in request.routing.exclude:
            excluded[model] = "it is in routing.exclude"
        elif lacking:
            excluded[model] = f"the request needs {', '.join(lacking)}"
    left = tuple(m for m in directory.specs if m in tenant.models - excluded.keys())
    if not left:
        reasons = "; ".join(f"{model}: {why}" for model, why in excluded.items())
        message = f"No model is left to answer this request ({reasons})."
        raise InvalidRequest(message, param="routing", code="no_candidate_model")
    return left, excluded


def _refuse_unknown_models(directory: Directory, request: ChatRequest) -> None:
    routing = request.routing
    for name in ("models", "exclude"):
        for model in getattr(routing, name) or []:
            if model not in directory.specs:
                raise InvalidRequest(
                    f"routing.{name}: there is no model {model!r}.",
                    param=f"routing.{name}",
                    code="model_not_found",
                )
