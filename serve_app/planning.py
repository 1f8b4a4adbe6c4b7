"""From a request and its tenant to what may answer: α and the candidate models."""

from collections import Counter
from dataclasses import dataclass, field

from deployments.errors import InvalidRequest
from serve_app.chat import AUTO, Chat, ChatRequest
from serve_app.needs import needed_capabilities
from serve_app.prompt_size import PromptSize, prompt_size, size_problem
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
    prompt: PromptSize = field(default=PromptSize((), n_messages=0, n_images=0))


def make_plan(directory: Directory, tenant: Tenant, chat: Chat, asked: Asked) -> Plan:
    """Resolve names and permissions; a ServingError says what is not to be had."""
    request = chat.request
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
    prompt = prompt_size(chat.raw)
    limits = _Limits(directory, tenant, request, tier_name, prompt)
    candidates, excluded = _candidates(limits)
    if fixed is not None and fixed in excluded:
        why = excluded[fixed]
        message = f"The model {fixed!r} cannot be used here: {why}."
        code = _code([why]) or "model_not_suitable"
        raise InvalidRequest(message, param="model", code=code)
    if not candidates:
        raise _nothing_left(excluded)
    return Plan(tenant, alpha, tier_name, fixed, candidates, excluded, prompt)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What narrows the models down."""

    directory: Directory
    tenant: Tenant
    request: ChatRequest
    tier_name: str | None
    prompt: PromptSize


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


def _candidates(limits: _Limits) -> tuple[tuple[str, ...], dict[str, str]]:
    """Candidates in the catalog's order, and why each other model is none."""
    _refuse_unknown_models(limits.directory, limits.request)
    needed = needed_capabilities(limits.request)
    excluded: dict[str, str] = {}
    candidates = []
    for model in limits.directory.specs:
        if model not in limits.tenant.models:
            continue  # to this tenant it does not exist
        if problem := _not_wanted(limits, model) or _unfit(limits, model, needed):
            excluded[model] = problem
        else:
            candidates.append(model)
    return tuple(candidates), excluded


def _not_wanted(limits: _Limits, model: str) -> str | None:
    tiers = limits.directory.settings.cost_tiers
    tier = tiers[limits.tier_name] if limits.tier_name else None
    routing = limits.request.routing
    if tier is not None and tier.models is not None and model not in tier.models:
        return f"it is not in the cost tier {limits.tier_name!r}"
    if routing.models is not None and model not in routing.models:
        return "it is not in routing.models"
    if model in routing.exclude:
        return "it is in routing.exclude"
    return None


def _unfit(limits: _Limits, model: str, needed: frozenset[str]) -> str | None:
    spec = limits.directory.specs[model]
    if lacking := sorted(needed - spec.capabilities):
        return f"the request needs {', '.join(lacking)}"
    return size_problem(spec, limits.prompt, limits.request.output_tokens)


def _nothing_left(excluded: dict[str, str]) -> InvalidRequest:
    """Which constraints emptied the list, and how many models each took."""
    reasons = Counter(excluded.values())
    listed = "; ".join(
        f"{count} model{'s' if count > 1 else ''}: {why}"
        for why, count in reasons.most_common()
    )
    message = f"No model is left to answer this request ({listed})."
    code = _code(list(excluded.values())) or "no_candidate_model"
    return InvalidRequest(message, param="routing", code=code)


def _code(reasons: list[str]) -> str | None:
    """OpenAI's code, if every model's window is too small."""
    too_small = all(why.startswith("its window") for why in reasons)
    return "context_length_exceeded" if reasons and too_small else None


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
