"""What a client asks of `POST /v1/embeddings`, checked."""

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from serve_app.access.request_size import PromptSize
from serve_app.answering.json_body import invalid_field, parse_json
from serve_app.answering.request_fields import AUTO, ModelName, few_fields

MAX_INPUTS = 2048  # OpenAI's own limit


class EmbeddingRequest(BaseModel):
    """OpenAI's request; token arrays are refused, as their vocabulary is not ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: ModelName = AUTO
    input: Any
    encoding_format: Literal["float", "base64"] | None = None  # as "float"
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, given: Any) -> Any:
        return few_fields(cls, given)

    @field_validator("input")
    @classmethod
    def _is_texts(cls, value: Any) -> Any:
        texts = value if isinstance(value, list) else [value]
        if not texts or len(texts) > MAX_INPUTS:
            raise _wrong(f"it must be 1 to {MAX_INPUTS} texts")
        if any(isinstance(text, int | list) for text in texts):
            raise _wrong("token arrays are not supported, as every encoder has its own")
        if not all(isinstance(text, str) for text in texts):
            raise _wrong("it must be a text or a list of texts")
        if not all(texts):
            raise _wrong("an empty text has no meaning to embed")
        return value

    @property
    def texts(self) -> list[str]:
        """The texts to embed, in order."""
        return self.input if isinstance(self.input, list) else [self.input]

    @property
    def prompt(self) -> PromptSize:
        """What it asks to be read."""
        return PromptSize(tuple(self.texts))


def parse_embeddings(body: bytes) -> EmbeddingRequest:
    """Check a request body; InvalidRequest names the first wrong field."""
    try:
        return EmbeddingRequest.model_validate(parse_json(body))
    except ValidationError as error:
        raise invalid_field(error) from None


def _wrong(what: str) -> PydanticCustomError:
    # Its template is a literal to the type checker only.
    return PydanticCustomError("input", "{what}", {"what": what})
