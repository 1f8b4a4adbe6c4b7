"""`GET /v1/models`: what a key may use, in OpenAI's shape with OpenRouter's extras."""

from typing import Any

from deployments.catalog import ModelSpec
from deployments.errors import NotFound
from serve_app.access.cost_tiers import models_of
from serve_app.access.tenants import Directory, Tenant
from serve_app.answering.request_fields import AUTO

_OWNER = "avengers-serve"


def model_list(
    directory: Directory, tenant: Tenant, tier: str | None = None
) -> dict[str, Any]:
    """The routing aliases first, then the models by name; below a tier's path, its."""
    return {"object": "list", "data": [*_entries(directory, tenant, tier).values()]}


def model_entry(
    directory: Directory, tenant: Tenant, model: str, tier: str | None = None
) -> dict[str, Any]:
    """One entry; NotFound if this key may not use such a model."""
    entry = _entries(directory, tenant, tier).get(model)
    if entry is None:
        message = f"The model {model!r} does not exist. GET /v1/models lists yours."
        raise NotFound(message, param="model")
    return entry


def _entries(
    directory: Directory, tenant: Tenant, tier: str | None
) -> dict[str, dict[str, Any]]:
    alpha, tiers, models = tenant.alpha, tenant.allowed_cost_tiers, tenant.models
    if tier is not None:
        of_path = directory.tier(tier, tenant, None)
        alpha, tiers = of_path.alpha, frozenset({tier})
        models &= models_of(tier, of_path, directory.specs.values())
    entries = {AUTO: _alias(AUTO, alpha)}
    for name in sorted(tiers):
        alias = f"{AUTO}:{name}"
        entries[alias] = _alias(alias, directory.cost_tiers[name].alpha)
    for model in sorted(models):
        entries[model] = _model(directory.specs[model])
    return entries


def _alias(name: str, alpha: float) -> dict[str, Any]:
    return {**_head(name), "owned_by": _OWNER, "routing": {"alpha": alpha}}


def _model(spec: ModelSpec) -> dict[str, Any]:
    price = spec.price
    return {
        **_head(spec.id),
        "owned_by": spec.upstream_model.partition("/")[0],
        "context_length": spec.context_window,
        "max_output_tokens": spec.max_output_tokens,
        "capabilities": sorted(spec.capabilities),
        "pricing": {
            "prompt": _decimal(price.input_usd_per_token),
            "completion": _decimal(price.output_usd_per_token),
        },
    }


def _head(name: str) -> dict[str, Any]:
    # OpenAI's field; when a model was published is not known here.
    return {"id": name, "object": "model", "created": 0}


def _decimal(price: float | None) -> str | None:
    """USD per token as OpenRouter writes it: a decimal string."""
    return None if price is None else f"{price:.12f}".rstrip("0").rstrip(".") or "0"
