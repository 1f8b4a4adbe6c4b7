"""The deployments of the application as `build_app` really makes them."""

import inspect
from collections.abc import Iterator
from importlib.util import find_spec

from ray.serve._private.build_app import build_app as finalize

from artifacts.errors import BadInput
from artifacts.location import artifact_location, is_remote
from deployments.backends.vllm_deployment import deployment_name
from deployments.routing.embedder_config import EmbedderConfig
from deployments.routing.vllm_embedder import encoder_of, llm_options
from serve_app.app import build_app
from serve_app.backends_config import VLLM
from serve_app.config import AppConfig

_NAME = "avengers"


def deployed(config: AppConfig) -> dict[str, bool]:
    """Each deployment's name, and whether it takes a `user_config`; ValueError.

    Where vLLM is not installed, deployments of local models are named as they would be,
    and the rest is built without them. An Embedder in vLLM has the name of any other.
    """
    if config.embedder.engine == "vllm":
        _check_embedder(config)
        config = config.model_copy(update={"embedder": EmbedderConfig()})
    local = [spec for spec in config.catalog.models if spec.backend == "vllm"]
    named: dict[str, bool] = {}
    if local and find_spec("vllm") is None:
        named = {deployment_name(spec.id): False for spec in local}
        config = _without_local_models(config)
    built = finalize(build_app(config), name=_NAME)
    takes = {one.name: _reconfigures(one.func_or_class) for one in built.deployments}
    return takes | named


def _check_embedder(config: AppConfig) -> None:
    """An artifact at an address is not fetched for it."""
    location = artifact_location(config.artifact)
    if is_remote(location):
        return
    try:
        llm_options(encoder_of(location)[0], config.embedder)
    except BadInput as error:
        raise ValueError(str(error)) from None


def _reconfigures(found: object) -> bool:
    return inspect.isclass(found) and hasattr(found, "reconfigure")


def _without_local_models(config: AppConfig) -> AppConfig:
    names = {VLLM + spec.id for spec in config.catalog.models} & config.backend_names
    kept = config.model_copy(update=dict(_nothing_live()))
    backends = kept.backends.model_copy(update={"deploy": config.backend_names - names})
    return kept.model_copy(update={"backends": backends})


def _nothing_live() -> Iterator[tuple[str, object]]:
    for name in ("catalog", "cost_tiers", "tenants", "default_model"):
        yield name, AppConfig.model_fields[name].default
