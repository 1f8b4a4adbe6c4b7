"""`GET /v1/models`: what a key may use, in OpenAI's shape with OpenRouter's extras."""

from typing import Any

from deployments.catalog import ModelSpec
from deployments.errors import NotFound
from serve_app.chat import AUTO
from serve_app.tenants import Directory, Tenant

_OWNER = "avengers-serve"


def model_list(directory: Directory, tenant: Tenant) -> dict[str, Any]:
    """The routing aliases first, then the models by name."""
    return {"object": "list", "data": [*_entries(directory, tenant).values()]}


def model_entry(directory: Directory, tenant: Tenant, model: str) -> dict[str, Any]:
    """One entry; NotFound if this key may not use such a model."""
    entry = _entries(directory, tenant).get(model)
    if entry is None:
        message = f"The model {model!r} does not exist. GET /v1/models lists yours."
        raise NotFound(message, param="model")
    return entry


def _entries(directory: Directory, tenant: Tenant) -> dict[str, dict[str, Any]]:
    entries = {AUTO: _alias(AUTO, tenant.alpha)}
    for name in sorted(tenant.allowed_cost_tiers):
        alias = f"{AUTO}:{name}"
        entries[alias] = _alias(alias, directory.settings.cost_tiers[name].alpha)
    for model in sorted(tenant.models):
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
