"""The Responses API's request (`/v1/responses`), as far as routing reads it.

We store nothing: what would need an earlier answer, or keep this one, is refused.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from deployments.errors import InvalidRequest
from serve_app.answering.chat import Chat, ChatRequest, Message, Routing, RoutingOptions
from serve_app.answering.json_body import invalid_field, parse_json
from serve_app.answering.request_fields import AUTO, MAX_MESSAGES, ModelName, Objects
from serve_app.answering.thoughts import without_references

# Fields that ask for an answer to be kept, or refer to one that was.
_STORING = ("store", "background", "previous_response_id", "conversation")

# What it holds is not known here: which tools and files it needs, how long it is.
_STORED_PROMPT = (
    "what the upstream has stored cannot be measured here; send it as `instructions` "
    "and `input`"
)

# Vercel's AI SDK refers to items unless it is told not to.
_NOT_STORED = (
    "no item is stored here to which it could refer; with `store: false` clients send "
    "the items themselves"
)


class ResponsesRequest(BaseModel):
    """What we read of it; unknown fields (`reasoning`, `include`, …) are passed on."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    model: ModelName = AUTO
    input: Any
    instructions: str | None = None
    stream: bool | None = None
    tools: Objects | None = None
    text: dict[str, Any] | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    routing: Routing = RoutingOptions()

    @field_validator("input")
    @classmethod
    def _is_input(cls, value: Any) -> Any:
        items = isinstance(value, list) and value
        if not isinstance(value, str) and not items:
            what = "it must be a text or a list of items"
            raise PydanticCustomError("input", what)
        if items and len(items) > MAX_MESSAGES:
            what = f"it may have at most {MAX_MESSAGES} items"
            raise PydanticCustomError("input", what)
        return value

    @property
    def response_format(self) -> dict[str, Any] | None:
        """What a chat completion calls so; here `text.format`."""
        found = (self.text or {}).get("format")
        return found if isinstance(found, dict) else None


def parse_responses(body: bytes) -> Chat:
    """Check a request body; InvalidRequest names the first wrong field.

    Where the client does not say, the upstream is told not to store the answer: its
    own default is to do so.
    """
    raw = parse_json(body)
    _refuse_storing(raw)
    try:
        request = ResponsesRequest.model_validate(raw)
    except ValidationError as error:
        raise invalid_field(error) from None
    if request.stream and request.routing.explain:
        what = "a stream of this API has no event that could hold it"
        raise _unsupported("routing.explain", what)
    view = ChatRequest(
        model=request.model,
        messages=_messages(request),
        stream=bool(request.stream),
        tools=request.tools,
        response_format=request.response_format,
        max_completion_tokens=request.max_output_tokens,
        routing=request.routing,
    )
    sent = {**raw, "store": False}
    if isinstance(request.input, list):
        sent["input"] = without_references(request.input)
    return Chat(view, sent, "responses")


def _refuse_storing(raw: dict[str, Any]) -> None:
    for name in _STORING:
        if raw.get(name) not in (None, False):
            what = "no answer is stored here; send the whole conversation as `input`"
            raise _unsupported(name, what)
    if raw.get("prompt") is not None:
        raise _unsupported("prompt", _STORED_PROMPT)


def _messages(request: ResponsesRequest) -> list[Message]:
    """The conversation as a chat completion would have it."""
    messages = []
    if request.instructions:
        messages.append(Message(role="system", content=request.instructions))
    if isinstance(request.input, str):
        return [*messages, Message(role="user", content=request.input)]
    return messages + [_message(f"input[{i}]", x) for i, x in enumerate(request.input)]


def _message(where: str, item: Any) -> Message:
    """One item; InvalidRequest names what is wrong inside it."""
    if not isinstance(item, dict):
        what = f"{where}: it must be an object."
        raise InvalidRequest(what, param=where, code="invalid_value")
    kind = item.get("type") or "message"
    if kind == "item_reference":
        raise _unsupported(where, _NOT_STORED)
    if kind == "message":
        return _spoken(where, item)
    if kind == "additional_tools":
        offers = {"role": "developer", "tools": item.get("tools")}
        return Message.model_validate(offers)
    if str(kind).endswith("_output"):
        return Message(role="tool", content=_content(item.get("output")))
    # Calls and reasoning: the model has spoken, but said no text.
    return Message(role="assistant")


def _spoken(where: str, item: dict[str, Any]) -> Message:
    read = {name: item[name] for name in ("role", "content") if name in item}
    try:
        return Message.model_validate(read)
    except ValidationError as error:
        wrong = invalid_field(error)
        message = f"{where}.{wrong.message}"
        param = f"{where}.{wrong.param}"
        raise InvalidRequest(message, param=param, code=wrong.code) from None


def _content(output: Any) -> str | list[dict[str, Any]] | None:
    if isinstance(output, str):
        return output
    if isinstance(output, dict):  # the screenshot of a computer
        return [output]
    if isinstance(output, list):
        return [part for part in output if isinstance(part, dict)]
    return None


def _unsupported(param: str, why: str) -> InvalidRequest:
    message = f"{param} is not supported: {why}."
    return InvalidRequest(message, param=param, code="unsupported_parameter")
