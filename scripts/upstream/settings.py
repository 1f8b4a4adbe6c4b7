"""How the upstream behaves: pace and price of each model, and which faults by plan."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scripts.upstream.faults import parse_fault


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSettings(_Frozen):
    """One model: how fast it answers, what it charges, how it fails."""

    first_token_s: float = Field(default=0.0, ge=0)
    tokens_per_s: float = Field(default=1e6, gt=0, description="of each choice")
    completion_tokens: int = Field(
        default=12, ge=2, description="of an answer; `max_tokens` may cut it shorter"
    )
    input_usd_per_token: float = Field(default=0.000001, ge=0)
    output_usd_per_token: float = Field(default=0.000004, ge=0)
    provider: str = "Test"
    schedule: tuple[str, ...] = Field(
        default=(), description="faults of its requests in turn; 'ok' = none; cycles"
    )
    fault_rates: dict[str, float] = Field(
        default_factory=dict, description="share of its requests by fault"
    )

    @model_validator(mode="after")
    def _faults_exist(self) -> "ModelSettings":
        for fault in (*self.schedule, *self.fault_rates):
            if fault != "ok":
                parse_fault(fault)
        if sum(self.fault_rates.values()) > 1:
            raise ValueError("fault_rates add up to more than 1")
        return self

    def charge_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What these tokens cost."""
        return (
            prompt_tokens * self.input_usd_per_token
            + completion_tokens * self.output_usd_per_token
        )


class Settings(_Frozen):
    """Every model id is served: those not listed behave as `default`."""

    default: ModelSettings = ModelSettings()
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    seed: int = 0
    answer: str | None = Field(
        default=None, description="what every answer says, instead of filler words"
    )
    generation_delay_s: float = Field(
        default=0.0, ge=0, description="until /generation knows of a request"
    )
    keep_entries: int = Field(default=100_000, ge=1, description="of the ledger")
    keep_bodies: int = Field(default=64, ge=0, description="request bodies to look at")

    def of(self, model: str) -> ModelSettings:
        """The settings that `model` is served with."""
        return self.models.get(model, self.default)
