"""What a request asks of the model that answers it."""

from serve_app.answering.chat import ChatRequest, Message


def needed_capabilities(request: ChatRequest) -> frozenset[str]:
    """What a model must be able to do to answer this request at all."""
    kinds = _kinds(request)
    needed = {_PART_NEEDS[kind] for kind in kinds & _PART_NEEDS.keys()}
    if request.tools or request.functions or any(map(_has_tools, request.messages)):
        needed.add("tools")
    if (request.response_format or {}).get("type") == "json_schema":
        needed.add("json_schema")
    needed |= {_OUTPUTS[kind] for kind in request.modalities or () if kind in _OUTPUTS}
    if request.audio or any(map(_has_spoken, request.messages)):
        needed.add("audio_output")
    return frozenset(needed)


def _kinds(request: ChatRequest) -> set[str]:
    return {
        # A client's `type` may be anything: not all of it can be hashed.
        str(part.get("type"))
        for message in request.messages
        if isinstance(message.content, list)
        for part in message.content
    }


def _has_tools(message: Message) -> bool:
    """Whether it offers tools, or holds what one has said, though none is offered now.

    A model that knows no tools refuses such a conversation.
    """
    offers = bool((message.model_extra or {}).get("tools"))
    return offers or message.role in ("tool", "function")


def _has_spoken(message: Message) -> bool:
    """Whether it refers to an answer that was heard: `audio` of an assistant."""
    return bool((message.model_extra or {}).get("audio"))


# Content parts of chat completions and of responses, and what a model needs for them.
_PART_NEEDS = {
    "image_url": "vision",
    "input_image": "vision",
    "computer_screenshot": "vision",
    "input_audio": "audio",
    "audio_url": "audio",  # vLLM's
    "video_url": "video",  # OpenRouter's and vLLM's
    "input_video": "video",  # OpenRouter's, of responses
    "file": "files",
    "input_file": "files",
}
# What `modalities` asks for beside text.
_OUTPUTS = {"audio": "audio_output", "image": "image_output"}
