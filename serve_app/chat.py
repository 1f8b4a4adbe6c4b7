"""The chat completion request: checked where we rely on it, passed on untouched.

Only the fields that routing reads are typed. Everything else belongs to the upstream.
"""

from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.errors import InvalidRequest

AUTO = "auto"

# Of a text that is embedded; far over any encoder's window, far under a body's limit.
MAX_ROUTING_CHARACTERS = 2**18


class RoutingOptions(BaseModel):
    """Our extension of the request: `routing` in the body."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    alpha: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    models: list[str] | None = Field(default=None, min_length=1)
    exclude: list[str] = Field(default_factory=list)


class Message(BaseModel):
    """One message; its content is text, a list of parts, or nothing (tool calls)."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    include_usage: bool = False


class ChatRequest(BaseModel):
    """What we read of a request; unknown fields are allowed and passed on."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    model: str = AUTO
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None
    routing: RoutingOptions = RoutingOptions()

    @property
    def include_usage(self) -> bool:
        """Whether a stream should end with a usage event."""
        return self.stream_options is not None and self.stream_options.include_usage


@dataclass(frozen=True, slots=True)
class Chat:
    """A checked request beside the JSON that it came as."""

    request: ChatRequest
    raw: dict[str, Any]

    def upstream_body(self, upstream_model: str, defaults: dict[str, Any]) -> bytes:
        """The JSON for one upstream model: ours taken out, the rest as it came.

        `defaults` are added where the client said nothing. Streams always ask for
        usage, because the answer is billed by it.
        """
        body = {**defaults, **self.raw, "model": upstream_model}
        body.pop("routing", None)
        if self.request.stream:
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


def parse_json(body: bytes) -> dict[str, Any]:
    """A JSON object; InvalidRequest says where the JSON is broken."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The decoder's message holds a position, never the text around it.
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}.",
            code="invalid_json",
        ) from None
    if not isinstance(raw, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
    return raw


def invalid_field(error: ValidationError) -> InvalidRequest:
    """The first thing wrong, in one sentence; the offending value is not repeated."""
    first = error.errors(include_url=False, include_input=False)[0]
    # Members of a union add their type's name; a client knows only its own fields.
    steps = [
        step for step in first["loc"] if isinstance(step, int) or step.isidentifier()
    ]
    param = _path([step for step in steps if step not in {"str", "int", "float"}])
    if first["type"] == "missing":
        message, code = f"{param} is missing.", "missing_required_parameter"
    else:
        message, code = f"{param}: {first['msg']}.", "invalid_value"
    return InvalidRequest(message, param=param, code=code)


def _path(steps: list[int | str]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def routing_text(messages: list[Message]) -> str:
    """What of a conversation is embedded: the text of the last user message.

    If no user message holds text, the last message that does; "" if none does. Of a
    very long text head and tail are kept: a question often stands at the end.
    """
    texts = [(message.role, _text(message)) for message in messages]
    of_users = [text for role, text in texts if role == "user" and text]
    chosen = of_users or [text for _, text in texts if text] or [""]
    return _head_and_tail(chosen[-1])


def _head_and_tail(text: str) -> str:
    if len(text) <= MAX_ROUTING_CHARACTERS:
        return text
    half = MAX_ROUTING_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content.strip()
    parts = message.content or []
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str)).strip()


def needed_capabilities(request: ChatRequest) -> frozenset[str]:
    """What a model must be able to do to answer this request at all."""
    needed = set()
    if request.tools:
        needed.add("tools")
    if (request.response_format or {}).get("type") == "json_schema":
        needed.add("json_schema")
    parts = [
        part
        for message in request.messages
        if isinstance(message.content, list)
        for part in message.content
    ]
    if any(part.get("type") == "image_url" for part in parts):
        needed.add("vision")
    return frozenset(needed)
