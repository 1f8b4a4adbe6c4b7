"""Tenants, their keys and the cost tiers: what is configured of them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from deployments.budget_period import BudgetDuration, zone
from deployments.plain_number import PLAIN_NUMBER

_ID = "^[A-Za-z0-9._:-]{1,64}$"
_KEY_ID_LENGTH = 12
_MOST = 2**64 - 1  # what our JSON can hold of a whole number

# The same names make the same document.
Names = Annotated[
    frozenset[str], PlainSerializer(sorted, return_type=list[str], when_used="json")
]

_Alpha = Annotated[float, Field(ge=0, le=1), PLAIN_NUMBER]
_Price = Annotated[float, Field(ge=0), PLAIN_NUMBER]
_Usd = Annotated[float, Field(ge=0, le=1e9), PLAIN_NUMBER]
_Limit = Annotated[int, Field(ge=1, le=_MOST), PLAIN_NUMBER]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PriceCeiling(_Frozen):
    """The dearest a model may be, in USD per token; a price unknown is above it."""

    input_usd_per_token: _Price | None = Field(
        default=None,
        description="at most; a model whose price is not known is above it",
    )
    output_usd_per_token: _Price | None = Field(
        default=None,
        description="at most; a model whose price is not known is above it",
    )


class CostTier(_Frozen):
    """A named trade-off that tenants can buy."""

    alpha: _Alpha = Field(description="0 = cheapest, 1 = best answers")
    models: Names | None = Field(
        default=None, description="only these may answer; none stated = all"
    )
    max_price: PriceCeiling | None = Field(
        default=None, description="only models at most this dear may answer"
    )


class Limits(_Frozen):
    """Rates that hold across all replicas; none stated = no limit."""

    rpm_limit: _Limit | None = Field(default=None, description="requests a minute")
    tpm_limit: _Limit | None = Field(default=None, description="tokens a minute")
    max_parallel_requests: _Limit | None = Field(
        default=None, description="in flight at a time"
    )


class KeyTerms(Limits):
    """What a key opens: less than its tenant may do, never more."""

    name: str | None = Field(default=None, description="for people")
    expires_at: datetime | None = Field(
        default=None, description="UTC where it names no time zone"
    )
    alpha: _Alpha | None = Field(default=None, description="in place of the tenant's")
    cost_tier: str | None = Field(default=None, description="pins the key to a tier")
    models: Names | None = Field(
        default=None, description="only these of the tenant's; none stated = all"
    )

    @field_validator("expires_at")
    @classmethod
    def _in_utc(cls, at: datetime | None) -> datetime | None:
        if at is None or at.tzinfo is None:
            return at and at.replace(tzinfo=UTC)
        try:
            return at.astimezone(UTC)
        except OverflowError:
            raise ValueError("no calendar has this time in UTC") from None

    @model_validator(mode="after")
    def _at_most_one_alpha(self) -> "KeyTerms":
        if self.cost_tier is not None and self.alpha is not None:
            raise ValueError("cost_tier and alpha exclude each other")
        return self


class KeyConfig(KeyTerms):
    """One API key: the name of the variable that holds it, or its SHA-256."""

    env: str | None = Field(
        default=None, min_length=1, max_length=60, description="environment variable"
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="of the key, in hexadecimal, in place of `env`",
    )
    id: str | None = Field(
        default=None,
        pattern=_ID,
        description="in usage records; none = the head of its SHA-256, or env:VARIABLE",
    )
    revoked: bool = Field(default=False, description="opens nothing any more")
    rotated: bool = Field(
        default=False,
        description="another one has taken its place: its end cannot be put off",
    )

    @model_validator(mode="after")
    def _one(self) -> "KeyConfig":
        if (self.env is None) == (self.sha256 is None):
            raise ValueError("either env or sha256 is needed")
        return self

    @property
    def key_id(self) -> str:
        """The `id`, or what stands for it."""
        return self.id or (
            self.sha256[:_KEY_ID_LENGTH] if self.sha256 else f"env:{self.env}"
        )

    def ended(self, at: datetime) -> str | None:
        """Why it opens nothing at `at`: "revoked" or "expired"; None while it does."""
        if self.revoked:
            return "revoked"
        over = self.expires_at is not None and self.expires_at <= at
        return "expired" if over else None


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
    alpha: _Alpha | None = Field(
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
    max_budget: _Usd | None = Field(
        default=None, description="USD a period; none = no limit"
    )
    soft_budget: _Usd | None = Field(
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
