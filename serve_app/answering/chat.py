"""The chat completion request: checked where we rely on it, passed on untouched.

Only the fields that routing reads are typed. Everything else belongs to the upstream.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from deployments.errors import InvalidRequest
from deployments.protocol.backend import Surface
from serve_app.answering.json_body import invalid_field, parse_json
from serve_app.answering.other_models import other_model_field
from serve_app.answering.request_fields import (
    AUTO,
    MAX_MESSAGES,
    BestOf,
    Flag,
    ModelName,
    NAnswers,
    Objects,
    Texts,
    few_fields,
    null_is,
)

_OURS = "`routing.models` says here which may answer."


class RoutingOptions(BaseModel):
    """Our extension of the request: `routing` in the body."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    alpha: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    models: Texts | None = Field(default=None, min_length=1)
    exclude: Annotated[Texts, null_is([])] = Field(default_factory=list)
    max_cost_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    session_id: str | None = Field(default=None, min_length=1, max_length=256)
    explain: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, given: Any) -> Any:
        return few_fields(cls, given)


_NO_OPTIONS = RoutingOptions()
Routing = Annotated[RoutingOptions, null_is(_NO_OPTIONS)]


class Message(BaseModel):
    """One message; its content is text, a list of parts, or nothing (tool calls)."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Objects | None = None


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    include_usage: Flag = False


class ChatRequest(BaseModel):
    """What we read of a request; unknown fields are allowed and passed on."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    model: ModelName = AUTO
    messages: list[Message] = Field(
        min_length=1, max_length=MAX_MESSAGES, fail_fast=True
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: Objects | None = None
    functions: Objects | None = None  # what `tools` were called before
    response_format: dict[str, Any] | None = None
    modalities: Texts | None = None
    audio: dict[str, Any] | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: NAnswers = None
    best_of: BestOf = None
    # From a function: pydantic would copy a default for each request.
    routing: Routing = Field(default_factory=lambda: _NO_OPTIONS)

    @property
    def output_tokens(self) -> int | None:
        """The longest answer that is asked for; None = as long as the model likes.

        Upstreams differ in which of the two counts where there are both.
        """
        return max(self.max_completion_tokens or 0, self.max_tokens or 0) or None


@dataclass(frozen=True, slots=True)
class Chat:
    """A checked request beside the JSON that it came as."""

    request: ChatRequest
    raw: dict[str, Any]
    surface: Surface = "chat/completions"

    def __post_init__(self) -> None:
        """InvalidRequest if the upstream would choose a model, for all that we know one
        that the tenant may not use, or that no budget was reserved for."""
        if name := other_model_field(self.raw):
            what = f"{name}: it chooses among models of the upstream's; {_OURS}"
            raise InvalidRequest(what, param=name, code="unsupported_parameter")

    @property
    def include_usage(self) -> bool:
        """Whether a stream should end with a usage event, in the words of OpenAI or of
        OpenRouter."""
        options, said = self.request.stream_options, self.raw.get("usage")
        if options is not None and options.include_usage:
            return True
        return isinstance(said, dict) and said.get("include") is True

    def upstream_body(self, upstream_model: str, defaults: dict[str, Any]) -> bytes:
        """The JSON for one upstream model: ours taken out, the rest as it came.

        `defaults` are added where the client said nothing, or null. What is told of
        usage and cost is no client's to leave out: the answer is billed by it.
        """
        body = {**defaults, **self.raw, "model": upstream_model}
        for name, value in defaults.items():
            if body[name] is None:
                body[name] = value
        body.pop("routing", None)
        said, asked = body.pop("usage", None), defaults.get("usage")
        if asked and self.surface != "responses":
            # OpenRouter's word, which others refuse.
            both = isinstance(said, dict) and isinstance(asked, dict)
            body["usage"] = {**said, **asked} if both else asked
        if self.request.stream and self.surface != "responses":
            options = body.get("stream_options") or {}
            body["stream_options"] = {**options, "include_usage": True}
        return orjson.dumps(body)


def parse_chat(body: bytes) -> Chat:
    """Check a request body; InvalidRequest names the first wrong field."""
    raw = parse_json(body)
    try:
        return Chat(ChatRequest.model_validate(raw), raw)
    except ValidationError as error:
        raise invalid_field(error) from None
