"""The models that may answer: where they live, what they cost, what they can do."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

BackendName = Literal["openrouter", "simulator"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Frozen):
    """USD per token; None = unknown."""

    input_usd_per_token: float | None = Field(default=None, ge=0)
    output_usd_per_token: float | None = Field(default=None, ge=0)

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What these tokens cost, or None where a price is unknown."""
        if self.input_usd_per_token is None or self.output_usd_per_token is None:
            return None
        return (
            prompt_tokens * self.input_usd_per_token
            + completion_tokens * self.output_usd_per_token
        )


class ModelSpec(_Frozen):
    """One model of the catalog; `id` is what clients and the artifact call it."""

    id: str = Field(min_length=1)
    backend: BackendName = "openrouter"
    upstream_model: str = Field(min_length=1, description="the upstream's own id")
    price: Price = Price()
    context_window: int | None = Field(default=None, ge=1, description="tokens")
    max_output_tokens: int | None = Field(default=None, ge=1)
    capabilities: frozenset[Literal["tools", "vision", "json_schema", "reasoning"]] = (
        frozenset()
    )


class ModelCatalog(_Frozen):
    """All models by public id."""

    models: tuple[ModelSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> "ModelCatalog":
        ids = [spec.id for spec in self.models]
        for model in ids:
            if ids.count(model) > 1:
                raise ValueError(f"model {model!r} is listed twice")
            if model == "auto" or model.startswith("auto:"):
                raise ValueError(f"model {model!r}: 'auto' names the router")
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        """Public ids in the order of the catalog."""
        return tuple(spec.id for spec in self.models)

    def by_id(self) -> dict[str, ModelSpec]:
        """The models by public id."""
        return {spec.id: spec for spec in self.models}
