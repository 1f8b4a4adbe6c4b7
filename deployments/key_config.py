"""API keys and limits: what is configured of them."""

from datetime import UTC, datetime

from pydantic import Field, field_validator, model_validator

from deployments.account_fields import Alpha, Frozen, Limit, Names

_ID = "^[A-Za-z0-9._:-]{1,64}$"
_KEY_ID_LENGTH = 12


class Limits(Frozen):
    """Rates that hold across all replicas; none stated = no limit."""

    rpm_limit: Limit | None = Field(default=None, description="requests a minute")
    tpm_limit: Limit | None = Field(default=None, description="tokens a minute")
    max_parallel_requests: Limit | None = Field(
        default=None, description="in flight at a time"
    )


class KeyTerms(Limits):
    """What a key opens: less than its tenant may do, never more."""

    name: str | None = Field(default=None, description="for people")
    expires_at: datetime | None = Field(
        default=None, description="UTC where it names no time zone"
    )
    alpha: Alpha | None = Field(default=None, description="in place of the tenant's")
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
