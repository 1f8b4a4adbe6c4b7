"""The prompt in a request's body, and whether a model's window holds it."""

from collections.abc import Iterator
from typing import Any

import orjson

from deployments.catalog import ModelSpec
from deployments.protocol.backend import PROMPT_FIELDS, Surface
from serve_app.access.request_size import PromptSize, n_bytes
from serve_app.answering.unsuitable import TOO_LONG


def size_problem(
    spec: ModelSpec, prompt: PromptSize, output_tokens: int | None
) -> str | None:
    """Why a model is too small for prompt and answer; None if it is not."""
    limit = spec.max_output_tokens
    if output_tokens is not None and limit is not None and output_tokens > limit:
        return f"it answers in at most {limit} tokens, {output_tokens} are asked for"
    window = spec.context_window
    if window is None or prompt.fits(window - (output_tokens or 1)):
        return None
    answer = f" and {output_tokens} of answer" if output_tokens else ""
    length = prompt.longest.tokens
    return f"{TOO_LONG} {window} tokens; the prompt has about {length}{answer}"


def is_shortened(raw: dict[str, Any]) -> bool:
    """Whether the upstream is to leave out of the prompt what its window does not hold:
    OpenAI's `truncation`, OpenRouter's `transforms` or plugin for that."""
    if raw.get("truncation") == "auto":
        return True
    transforms, plugins = raw.get("transforms"), raw.get("plugins")
    if isinstance(transforms, list) and "middle-out" in transforms:
        return True
    return isinstance(plugins, list) and any(map(_shortens, plugins))


def _shortens(plugin: Any) -> bool:
    named = isinstance(plugin, dict) and plugin.get("id") == "context-compression"
    return bool(named and plugin.get("enabled") is not False)


def prompt_size(
    raw: dict[str, Any], surface: Surface = "chat/completions"
) -> PromptSize:
    """Of a request body: what its path calls the prompt, tools and schemas.

    A field of another path's name is not read by the model, whatever is in it.
    """
    spoken = raw.get(PROMPT_FIELDS[surface]) or []
    shared = tuple(
        orjson.dumps(raw[name]).decode() for name in _DEFINITIONS if raw.get(name)
    )
    if surface == "completions":
        return _prompts(spoken, shared)
    messages = spoken if isinstance(spoken, list) else [spoken]
    return PromptSize(
        tuple(texts_in(messages)),
        shared=shared,
        n_messages=len(messages),
        n_images=sum(map(_images, messages)),
    )


# Beside the messages these are read by the model, too.
_DEFINITIONS = (
    "tools",
    "functions",
    "response_format",
    "instructions",
    "text",
    "suffix",
    # What vLLM and others render into the prompt.
    "documents",
    "chat_template",
    "chat_template_kwargs",
)


def _prompts(spoken: Any, shared: tuple[str, ...]) -> PromptSize:
    """Of text completions: a text, token ids, or a list of either."""
    one = isinstance(spoken, str) or all(isinstance(item, int) for item in spoken)
    prompts = [spoken] if one else spoken
    longest = None
    if len(prompts) > 1:
        longest = _prompts(max(prompts, key=_length), shared)
    texts = tuple(prompt for prompt in prompts if isinstance(prompt, str))
    return PromptSize(
        texts,
        shared=shared,
        n_messages=len(texts),
        n_tokens=sum(len(prompt) for prompt in prompts if isinstance(prompt, list)),
        n_prompts=len(prompts),
        longest=longest,
    )


def _length(prompt: str | list[int]) -> int:
    """Bytes stand for tokens: which prompt is the longest need not be exact."""
    return n_bytes(prompt) if isinstance(prompt, str) else len(prompt)


def texts_in(value: Any) -> Iterator[str]:
    """All strings in messages but the payloads of images, audio, video and files.

    Of sealed thoughts a quarter stands for the tokens: as base64, four letters hold
    three bytes, and a token is rarely less.
    """
    # Not by calling itself: a text would pass through as many generators as it lies
    # deep, and a small body can hold many that lie deep.
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            left.extend(reversed(value))
        elif isinstance(value, dict):
            left.extend(reversed([*_read(value)]))


def _read(fields: dict[str, Any]) -> Iterator[Any]:
    for name, item in fields.items():
        if name in _SEALED and isinstance(item, str):
            yield item[: len(item) // 4]
        elif name not in _PAYLOADS:
            yield item


_PAYLOADS = {
    "image_url",
    "input_audio",
    "audio_url",
    "video_url",
    "file",
    "file_data",
    "result",  # of an image that was made: an item of the Responses API
}
# What a model has thought, as it comes back to it: of responses, and of chat
# completions in `reasoning_details`.
_SEALED = {"encrypted_content", "data", "signature"}


def _images(message: Any) -> int:
    if not isinstance(message, dict):
        return 0
    content = message.get("content") or message.get("output")  # of a tool
    parts = content if isinstance(content, list) else [content]
    kinds = [part.get("type") for part in parts if isinstance(part, dict)]
    return sum(kind in _IMAGES for kind in kinds)


# In a tuple, as a client's `type` may be anything: not all of it can be hashed.
_IMAGES = ("image_url", "input_image", "computer_screenshot")
