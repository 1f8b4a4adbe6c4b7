"""What configures how requests are answered: tries, and conversations."""

from pydantic import BaseModel, ConfigDict, Field


class RetryPolicy(BaseModel):
    """How hard to try before an error reaches the client."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_fallbacks: int = Field(
        default=2, ge=0, description="other models tried after the first has failed"
    )
    max_retries: int = Field(
        default=2, ge=0, description="tries of the same model, if it is the only one"
    )
    backoff_s: float = Field(
        default=0.25, ge=0, description="pause before a retry; doubles, ± half of it"
    )
    max_wait_s: float = Field(
        default=5.0, ge=0, description="a longer Retry-After goes to the client instead"
    )


class ConversationConfig(BaseModel):
    """How long a conversation's model is remembered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_together: bool = Field(
        default=True, description="whether losing a prompt cache counts as a cost"
    )
    cache_s: float = Field(
        default=300.0, gt=0, description="how long providers keep a prompt cached"
    )
    max_conversations: int = Field(
        default=100_000,
        ge=1,
        description="remembered by one Gateway; the oldest is forgotten first",
    )
