"""Which models can answer a request at all, before anything is scored."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from deployments.catalog import ModelSpec
from deployments.errors import InvalidRequest
from deployments.protocol import Surface
from serve_app.access.cost_tiers import tier_problem
from serve_app.access.tenants import Directory, Tenant
from serve_app.answering.chat import Chat, ChatRequest
from serve_app.answering.needs import needed_capabilities
from serve_app.answering.prompt_size import PromptSize, size_problem

SurfacesOf = Callable[[ModelSpec], frozenset[Surface]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What narrows the models down."""

    directory: Directory
    tenant: Tenant
    chat: Chat
    tier_name: str | None
    prompt: PromptSize
    surfaces_of: SurfacesOf


def find_candidates(limits: Limits) -> tuple[tuple[str, ...], dict[str, str]]:
    """Candidates in the catalog's order, and why each other model is none."""
    _refuse_unknown_models(limits.directory, limits.chat.request)
    needed = needed_capabilities(limits.chat.request)
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


def _not_wanted(limits: Limits, model: str) -> str | None:
    routing = limits.chat.request.routing
    if name := limits.tier_name:
        tier = limits.directory.cost_tiers[name]
        if problem := tier_problem(name, tier, limits.directory.specs[model]):
            return problem
    if routing.models is not None and model not in routing.models:
        return "it is not in routing.models"
    if model in routing.exclude:
        return "it is in routing.exclude"
    return None


def _unfit(limits: Limits, model: str, needed: frozenset[str]) -> str | None:
    spec = limits.directory.specs[model]
    if lacking := sorted(needed - spec.capabilities):
        return f"the request needs {', '.join(lacking)}"
    if limits.chat.surface not in limits.surfaces_of(spec):
        return f"its upstream has no /v1/{limits.chat.surface}"
    return size_problem(spec, limits.prompt, limits.chat.request.output_tokens)


def nothing_left(excluded: dict[str, str]) -> InvalidRequest:
    """Which constraints emptied the list, and how many models each took."""
    reasons = Counter(excluded.values())
    listed = "; ".join(
        f"{count} model{'s' if count > 1 else ''}: {why}"
        for why, count in reasons.most_common()
    )
    message = f"No model is left to answer this request ({listed})."
    code = _code(list(excluded.values())) or "no_candidate_model"
    return InvalidRequest(message, param="routing", code=code)


def cannot_be_used(model: str, why: str) -> InvalidRequest:
    """The client names a model that cannot answer this request."""
    message = f"The model {model!r} cannot be used here: {why}."
    code = _code([why]) or "model_not_suitable"
    return InvalidRequest(message, param="model", code=code)


def _code(reasons: list[str]) -> str | None:
    """A code of its own, where one constraint took every model."""
    for start, code in _CODES.items():
        if reasons and all(why.startswith(start) for why in reasons):
            return code
    return None


_CODES = {
    "its window": "context_length_exceeded",  # OpenAI's word
    "its upstream has no": "unsupported_endpoint",
}


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
