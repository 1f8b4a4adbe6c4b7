"""Where answers come from, and in which process what runs."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.backends.simulator import SimulatorConfig
from deployments.backends.upstream_config import OpenRouterConfig, UpstreamConfig
from serve_app.live_settings import FieldError, refuse_unknown

_BACKENDS = ("openrouter", "simulator", "vllm")
VLLM = "vllm:"  # before the public id: each local model is a backend of its own


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Backends(_Frozen):
    """Where answers come from."""

    openrouter: OpenRouterConfig = OpenRouterConfig()
    upstreams: dict[str, UpstreamConfig] = Field(
        default={}, description="other upstreams that speak OpenAI's HTTP, by name"
    )
    simulator: SimulatorConfig = SimulatorConfig()
    without_key: Literal["refuse", "simulate"] = Field(
        default="refuse",
        description="what becomes of openrouter models while its key is not set",
    )
    deploy: frozenset[str] = Field(
        default=frozenset(),
        description="deployed in any case: the backends of a catalog that stands under "
        "the Gateway's user_config",
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> "Backends":
        for name in self.upstreams:
            # It stands in an HTTP header.
            fits = name.isascii() and name.replace("-", "_").isidentifier()
            if name in _BACKENDS or not fits:
                raise FieldError(
                    ("upstreams", name), f"{name!r} cannot be a backend's name"
                )
        # A local model's deployment needs its settings, which stand in the catalog.
        refuse_unknown(("deploy",), self.deploy, set(self.names) - {"vllm"})
        return self

    @property
    def names(self) -> frozenset[str]:
        """What a model's `backend` may be."""
        return frozenset({*_BACKENDS, *self.upstreams})


Where = Literal["deployment", "gateway"]


class Placement(_Frozen):
    """What runs in the Gateway's process instead of a deployment of its own.

    There it costs no hop, but has no replicas and no resources of its own, and must not
    be listed under the YAML's `deployments`. For both at once: `placement: gateway`.
    """

    router: Where = Field(default="deployment", description="the Router")
    openrouter: Where = Field(
        default="deployment",
        description="OpenRouter, other upstreams and the simulator, whose keys the "
        "Gateway's environment then holds. Local models stay deployments",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"router": given, "openrouter": given}
        return given
