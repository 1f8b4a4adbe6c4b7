"""Which models can answer a request at all, before anything is scored."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from deployments.catalog import ModelSpec
from deployments.errors import InvalidRequest
from deployments.protocol.backend import Surface
from serve_app.access.cost_tiers import tier_problem
from serve_app.access.request_size import PromptSize
from serve_app.access.tenants import Directory, Tenant
from serve_app.answering.chat import Chat, ChatRequest
from serve_app.answering.needs import needed_capabilities
from serve_app.answering.prompt_size import is_shortened, size_problem
from serve_app.answering.unsuitable import NO_PATH, is_too_long

_MOST_POOLS = 1000

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


@dataclass(frozen=True, slots=True)
class Pool:
    """The models that may answer requests of a kind, whatever their length, in the
    catalog's order; why each other one may not; the limits that all of them keep."""

    models: tuple[str, ...]
    excluded: dict[str, str]
    least_window: float
    least_output: float

    def holds(self, prompt: PromptSize, output_tokens: int | None) -> bool:
        """Whether none of them is too small."""
        if output_tokens is not None and output_tokens > self.least_output:
            return False
        return prompt.fits(self.least_window - (output_tokens or 1))


def find_candidates(limits: Limits) -> tuple[tuple[str, ...], dict[str, str]]:
    """Candidates in the catalog's order, and why each other model is none.

    Their size is looked at last: where it is the reason, nothing else was. A prompt
    that its upstream is to shorten goes to a window that holds it, if there is one.
    """
    _refuse_unknown_models(limits.directory, limits.chat.request)
    pool = _pool(limits)
    prompt, output_tokens = limits.prompt, limits.chat.request.output_tokens
    if pool.holds(prompt, output_tokens):
        return pool.models, pool.excluded
    specs = limits.directory.specs
    problems = {
        model: problem
        for model in pool.models
        if (problem := size_problem(specs[model], prompt, output_tokens))
    }
    candidates = _without(problems, pool.models)
    named = limits.chat.request.model in problems
    if (named or not candidates) and is_shortened(limits.chat.raw):
        problems = {m: why for m, why in problems.items() if not is_too_long(why)}
        candidates = _without(problems, pool.models)
    return candidates, {**pool.excluded, **problems}


def _without(problems: dict[str, str], models: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(model for model in models if model not in problems)


def _pool(limits: Limits) -> Pool:
    """Kept beside the directory: most requests are of few kinds, the models many."""
    request = limits.chat.request
    needed = needed_capabilities(request)
    if request.routing.models is not None or request.routing.exclude:
        return _made_pool(limits, needed)
    kind = (limits.tenant.models, limits.tier_name, limits.chat.surface, needed)
    pools: dict[object, Pool] = limits.directory.kept
    pool = pools.get(kind)
    if pool is None:
        if len(pools) >= _MOST_POOLS:
            pools.clear()
        pool = pools[kind] = _made_pool(limits, needed)
    return pool


def _made_pool(limits: Limits, needed: frozenset[str]) -> Pool:
    excluded: dict[str, str] = {}
    fitting: list[ModelSpec] = []
    wanted = _Wanted.of(limits)
    for model, spec in limits.directory.specs.items():
        if model not in limits.tenant.models:
            continue  # to this tenant it does not exist
        if problem := wanted.problem(limits, model) or _unfit(limits, model, needed):
            excluded[model] = problem
        else:
            fitting.append(spec)
    return Pool(
        tuple(spec.id for spec in fitting),
        excluded,
        min((spec.context_window or inf for spec in fitting), default=inf),
        min((spec.max_output_tokens or inf for spec in fitting), default=inf),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the client names, as sets: its lists may be as long as a body."""

    models: frozenset[str] | None
    exclude: frozenset[str]

    @classmethod
    def of(cls, limits: Limits) -> "_Wanted":
        routing = limits.chat.request.routing
        models = None if routing.models is None else frozenset(routing.models)
        return cls(models, frozenset(routing.exclude))

    def problem(self, limits: Limits, model: str) -> str | None:
        if name := limits.tier_name:
            tier = limits.directory.cost_tiers[name]
            if problem := tier_problem(name, tier, limits.directory.specs[model]):
                return problem
        if self.models is not None and model not in self.models:
            return "it is not in routing.models"
        if model in self.exclude:
            return "it is in routing.exclude"
        return None


def _unfit(limits: Limits, model: str, needed: frozenset[str]) -> str | None:
    spec = limits.directory.specs[model]
    if lacking := sorted(needed - spec.capabilities):
        return f"the request needs {', '.join(lacking)}"
    if limits.chat.surface not in limits.surfaces_of(spec):
        return f"{NO_PATH} /v1/{limits.chat.surface}"
    return None


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
