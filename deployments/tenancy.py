"""Tenants, their keys and the cost tiers: what is configured of them."""

from pydantic import Field, field_validator, model_validator

from deployments.account_fields import Alpha, Frozen, Names, Price, Usd
from deployments.budget_period import BudgetDuration, zone
from deployments.key_config import KeyConfig, KeyTerms, Limits

__all__ = [
    "CostTier",
    "KeyConfig",
    "KeyTerms",
    "Limits",
    "PriceCeiling",
    "TenantConfig",
]


class PriceCeiling(Frozen):
    """The dearest a model may be, in USD per token; a price unknown is above it."""

    input_usd_per_token: Price | None = Field(
        default=None,
        description="at most; a model whose price is not known is above it",
    )
    output_usd_per_token: Price | None = Field(
        default=None,
        description="at most; a model whose price is not known is above it",
    )


class CostTier(Frozen):
    """A named trade-off that tenants can buy."""

    alpha: Alpha = Field(description="0 = cheapest, 1 = best answers")
    models: Names | None = Field(
        default=None, description="only these may answer; none stated = all"
    )
    max_price: PriceCeiling | None = Field(
        default=None, description="only models at most this dear may answer"
    )


class TenantConfig(Limits):
    """A tenant: what LiteLLM calls a team."""

    id: str = Field(
        pattern="^[A-Za-z0-9._-]{1,64}$",
        description="in usage records, metrics and logs",
    )
    name: str | None = Field(default=None, description="for people")
    keys: tuple[KeyConfig, ...] = ()
    cost_tier: str | None = Field(
        default=None, description="what `auto` stands for; or state alpha"
    )
    alpha: Alpha | None = Field(
        default=None,
        description="0 = cheapest, 1 = best answers, in place of a cost tier",
    )
    allowed_cost_tiers: Names | None = Field(
        default=None, description="tiers it may ask for; none stated = all"
    )
    models: Names | None = Field(
        default=None, description="only these may be used; none stated = all"
    )
    default_model: str | None = Field(
        default=None, description="answers when routing fails; none = the gateway's"
    )
    reference_model: str | None = Field(
        default=None, description="savings are counted against its prices"
    )
    byok: dict[str, str] = Field(
        default={},
        description="backend → environment variable with the tenant's own key for it",
    )
    metadata: dict[str, str] = Field(default={}, description="yours; never looked at")
    max_budget: Usd | None = Field(
        default=None, description="USD a period; none = no limit"
    )
    soft_budget: Usd | None = Field(
        default=None, description="USD a period, from which it is warned"
    )
    budget_duration: BudgetDuration = Field(
        default="1mo", description="a day, a week, 30 days, or a calendar month"
    )
    budget_timezone: str = Field(
        default="UTC", description="IANA name of the zone in which periods begin"
    )
    artifact: str | None = Field(
        default=None,
        description="name of the artifact that decides; none = as rolled out",
    )

    @field_validator("budget_timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        zone(name)
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "TenantConfig":
        if (self.cost_tier is None) == (self.alpha is None):
            raise ValueError("either cost_tier or alpha is needed")
        soft, hard = self.soft_budget, self.max_budget
        if soft is not None and hard is not None and soft > hard:
            raise ValueError("soft_budget is over max_budget")
        seen = set()
        for key in self.keys:
            if key.key_id in seen:
                raise ValueError(f"keys: {key.key_id!r} is listed twice")
            seen.add(key.key_id)
        return self

    @property
    def named_tiers(self) -> frozenset[str]:
        """The cost tiers that it and its keys name; each must be defined."""
        named = {self.cost_tier, *(key.cost_tier for key in self.keys)}
        named |= self.allowed_cost_tiers or set()
        return frozenset(name for name in named if name is not None)
