"""What a request asks of the model that answers it."""

from serve_app.answering.chat import ChatRequest


def needed_capabilities(request: ChatRequest) -> frozenset[str]:
    """What a model must be able to do to answer this request at all."""
    needed = set()
    if request.tools or request.functions or _has_called(request):
        needed.add("tools")
    if (request.response_format or {}).get("type") == "json_schema":
        needed.add("json_schema")
    kinds = {
        str(part.get("type"))
        for message in request.messages
        if isinstance(message.content, list)
        for part in message.content
    }
    needed |= {_PART_NEEDS[kind] for kind in kinds & _PART_NEEDS.keys()}
    return frozenset(needed)


def _has_called(request: ChatRequest) -> bool:
    """Whether the conversation holds what a tool has said, though none is offered now.

    A model that knows no tools refuses such a conversation.
    """
    return any(message.role in ("tool", "function") for message in request.messages)


# Content parts of chat completions and of responses, and what a model needs for them.
_PART_NEEDS = {
    "image_url": "vision",
    "input_image": "vision",
    "input_audio": "audio",
    "audio_url": "audio",  # vLLM's
    "file": "files",
    "input_file": "files",
}
