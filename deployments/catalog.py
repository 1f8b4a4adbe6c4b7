"""The models that may answer: where they live, what they cost, what they can do."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.plain_number import PLAIN_NUMBER
from deployments.vllm_config import VLLMConfig

Capability = Literal[
    "tools",
    "vision",
    "audio",
    "video",
    "files",
    "audio_output",
    "image_output",
    "json_schema",
    "reasoning",
]

_DECIMALS = 15  # of USD: more are the float's, not the price's


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_PER_TOKEN = "not stated = not known, which is not 0"
# What has no end is no price: a cost by it is none that a record can hold.
_Usd = Annotated[float, Field(ge=0, allow_inf_nan=False), PLAIN_NUMBER]


class Price(_Frozen):
    """USD per token; None = unknown."""

    input_usd_per_token: _Usd | None = Field(default=None, description=_PER_TOKEN)
    output_usd_per_token: _Usd | None = Field(default=None, description=_PER_TOKEN)
    cached_usd_per_token: _Usd | None = Field(
        default=None, description="input read from the provider's prompt cache"
    )
    cache_write_usd_per_token: _Usd | None = Field(
        default=None,
        description="input written to that cache; not stated = as other input",
    )

    def cost_usd(
        self,
        prompt_tokens: float,
        completion_tokens: float,
        cached_tokens: float = 0,
        cache_write_tokens: float = 0,
    ) -> float | None:
        """What these tokens cost, or None where a price is unknown.

        `cached_tokens` are those of `prompt_tokens` that the cache held,
        `cache_write_tokens` those that it holds from now on.
        """
        price, written = self.input_usd_per_token, self.output_usd_per_token
        if price is None or written is None:
            return None
        read, kept = self.cached_usd_per_token, self.cache_write_usd_per_token
        usd = (
            (prompt_tokens - cached_tokens - cache_write_tokens) * price
            + cached_tokens * (price if read is None else read)
            + cache_write_tokens * (price if kept is None else kept)
            + completion_tokens * written
        )
        # Clients are shown it: 0.00002, not 0.000019999999999999998.
        return round(usd, _DECIMALS)

    def worst_usd(self, prompt_tokens: float, completion_tokens: float) -> float | None:
        """The most that these tokens cost: all of the prompt may go to the cache."""
        kept, price = self.cache_write_usd_per_token, self.input_usd_per_token
        dearer = kept is not None and price is not None and kept > price
        to_cache = prompt_tokens if dearer else 0
        return self.cost_usd(
            prompt_tokens, completion_tokens, cache_write_tokens=to_cache
        )

    @property
    def cache_discount_usd(self) -> float:
        """USD per token that the prompt cache saves; 0 where no such price is known."""
        if self.input_usd_per_token is None or self.cached_usd_per_token is None:
            return 0.0
        return max(0.0, self.input_usd_per_token - self.cached_usd_per_token)


class Timeouts(_Frozen):
    """How long one attempt at a model may take, in seconds."""

    connect_s: float = Field(
        default=5.0, gt=0, description="until the upstream is reached"
    )
    first_token_s: float = Field(
        default=60.0,
        gt=0,
        description="until a stream's first event that says something",
    )
    between_tokens_s: float = Field(
        default=60.0, gt=0, description="between two events of a stream"
    )
    total_s: float = Field(default=600.0, gt=0, description="the whole answer")


class ModelSpec(_Frozen):
    """One model of the catalog; `id` is what clients and the artifact call it."""

    id: str = Field(
        min_length=1,
        description="what clients and the artifact call it; printable ASCII",
    )
    backend: str = Field(
        default="openrouter",
        description="openrouter, simulator, vllm, or a name under backends.upstreams",
    )
    upstream_model: str = Field(min_length=1, description="the upstream's own id")
    price: Price = Price()
    context_window: int | None = Field(default=None, ge=1, description="tokens")
    max_output_tokens: int | None = Field(
        default=None,
        ge=1,
        description="of one answer; a budget holds it back where the client sets none",
    )
    capabilities: frozenset[Capability] = Field(
        default=frozenset(),
        description="what it takes beside text, and answers with (`…_output`); what "
        "needs more goes to others. `reasoning` is only told (/v1/models): no request "
        "is taken to need it",
    )
    timeouts: Timeouts = Timeouts()
    request_defaults: dict[str, Any] = Field(
        default={}, description="sent with each request that does not set them itself"
    )
    vllm: VLLMConfig | None = Field(
        default=None, description="how backend vllm serves it; a change needs a restart"
    )

    @model_validator(mode="after")
    def _local(self) -> "ModelSpec":
        if (self.backend == "vllm") != (self.vllm is not None):
            raise ValueError("backend vllm and a section vllm go together")
        price = self.vllm.usd_per_token() if self.vllm else None
        if price is not None:
            of_gpus = Price(input_usd_per_token=price[0], output_usd_per_token=price[1])
            if self.price not in (Price(), of_gpus):
                raise ValueError("either price or vllm.gpu_price")
            # What everything else reads: the price of a token, wherever it is from.
            object.__setattr__(self, "price", of_gpus)
        return self


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
            if not (model.isascii() and model.isprintable()):
                what = "it stands in HTTP headers, so printable ASCII is needed"
                raise ValueError(f"model {model!r}: {what}")
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        """Public ids in the order of the catalog."""
        return tuple(spec.id for spec in self.models)

    def by_id(self) -> dict[str, ModelSpec]:
        """The models by public id."""
        return {spec.id: spec for spec in self.models}
