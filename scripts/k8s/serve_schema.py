"""Ray Serve's own schema, and what it lets pass: keys that it does not know.

ServeDeploySchema ignores them, so a mistyped `max_ongoing_request` changes nothing and
nobody is told. Here each is a finding, at every depth.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, RequestRouterConfig
from ray.serve.schema import ServeDeploySchema

# Fields that Serve's schema holds as a plain dict, and what reads them later.
_LATER: dict[str, type[BaseModel]] = {
    "autoscaling_config": AutoscalingConfig,
    "request_router_config": RequestRouterConfig,
}
# Whose keys are ours or anybody's.
_FREE = {"args", "user_config", "env_vars", "resources", "policy_kwargs"}


def schema_findings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where and what, for a whole Serve config."""
    yield from unknown_keys(ServeDeploySchema, config, "")
    try:
        ServeDeploySchema.model_validate(config)
    except ValidationError as error:
        yield from _said(error, "")
    except (ImportError, AttributeError) as error:  # what a name leads to
        yield "applications", str(error)
    for app in config.get("applications") or ():
        for deployment in app.get("deployments") or ():
            for field, model in _LATER.items():
                value = deployment.get(field)
                if isinstance(value, Mapping):
                    where = f"{deployment.get('name')}.{field}"
                    yield from _read_later(model, value, where)


def _read_later(
    model: type[BaseModel], value: Mapping[str, Any], where: str
) -> Iterator[tuple[str, str]]:
    yield from unknown_keys(model, value, where)
    try:
        made = model(**value)
    except ValidationError as error:
        yield from _said(error, where)
    except (ImportError, AttributeError, ValueError) as error:
        yield where, str(error)
    else:
        if isinstance(made, AutoscalingConfig):
            yield from _policy(made.policy, f"{where}.policy")


def _policy(policy: AutoscalingPolicy, where: str) -> Iterator[tuple[str, str]]:
    """Made as Serve's controller makes it, where it would fail after the deployment."""
    found = policy.get_policy()
    if not inspect.isclass(found):
        return
    try:
        found(**policy.policy_kwargs)
    except (TypeError, ValueError) as error:
        yield where, str(error)


def _said(error: ValidationError, where: str) -> Iterator[tuple[str, str]]:
    for one in error.errors(include_url=False, include_input=False):
        path = ".".join([*filter(None, [where]), *map(str, one["loc"])])
        yield path, one["msg"].removeprefix("Value error, ")


def unknown_keys(
    model: type[BaseModel], value: Any, where: str
) -> Iterator[tuple[str, str]]:
    """Keys of `value` that the model has no field for, at every depth."""
    if not isinstance(value, Mapping):
        return
    fields = model.model_fields
    for key, item in value.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in fields:
            yield path, "Ray Serve knows no such key"
        elif key not in _FREE:
            for inner in _models(fields[key].annotation):
                items = item if _is_list(item) else [item]
                for index, one in enumerate(items):
                    at = f"{path}.{index}" if _is_list(item) else path
                    yield from unknown_keys(inner, one, at)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The model that a field may hold; of several none, as it is open which."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found = [model for inner in get_args(annotation) for model in _models(inner)]
    return found if len(found) == 1 else []
