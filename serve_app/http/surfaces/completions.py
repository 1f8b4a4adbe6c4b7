"""The text completion request (`/v1/completions`), as far as routing reads it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from serve_app.answering.chat import (
    Chat,
    ChatRequest,
    Message,
    Routing,
    RoutingOptions,
    StreamOptions,
)
from serve_app.answering.json_body import invalid_field, parse_json
from serve_app.answering.request_fields import AUTO, BestOf, ModelName, NAnswers


class CompletionRequest(BaseModel):
    """What we read of it; unknown fields (`suffix`, `echo`, …) are passed on.

    `prompt`: a text, texts, token ids, or lists of them.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    model: ModelName = AUTO
    prompt: Any
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: dict[str, Any] | None = None
    max_tokens: int | None = Field(default=None, ge=0)
    n: NAnswers = None
    best_of: BestOf = None
    routing: Routing = RoutingOptions()

    @field_validator("prompt")
    @classmethod
    def _is_prompt(cls, value: Any) -> Any:
        if not (isinstance(value, str) or _all_of(value, str) or _is_tokens(value)):
            what = "it must be a text, a list of texts, or a list of token ids"
            raise PydanticCustomError("prompt", what)
        return value

    @property
    def text(self) -> str:
        """What routing reads; "" for token ids, whose vocabulary is not ours."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n".join(text for text in self.prompt if isinstance(text, str))


def parse_completion(body: bytes) -> Chat:
    """Check a request body; InvalidRequest names the first wrong field."""
    raw = parse_json(body)
    try:
        request = CompletionRequest.model_validate(raw)
    except ValidationError as error:
        raise invalid_field(error) from None
    view = ChatRequest(
        model=request.model,
        messages=[Message(role="user", content=request.text)],
        stream=bool(request.stream),
        stream_options=request.stream_options,
        response_format=request.response_format,
        # 0 asks for the prompt's own log probabilities: any model can do that.
        max_tokens=request.max_tokens or None,
        routing=request.routing,
    )
    return Chat(view, raw, "completions")


def _all_of(value: Any, kind: type) -> bool:
    """Whether it is a list of one or more of `kind`."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, kind) and not isinstance(item, bool) for item in value)
    )


def _is_tokens(value: Any) -> bool:
    if _all_of(value, list):
        return all(_all_of(tokens, int) for tokens in value)
    return _all_of(value, int)
