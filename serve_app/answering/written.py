"""What a model has written in an event of a stream, on every surface."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

_TEXTS = ("content", "refusal", "text")
# Names of the same thought, which may be told under both; and by OpenRouter once more,
# in `reasoning_details`.
_THOUGHT = ("reasoning", "reasoning_content")
_CALL = ("name", "arguments")


def data_of(event: bytes) -> dict[str, Any]:
    """The JSON object of an event; empty where there is none."""
    lines = event.split(b"\n")
    data = next((line[5:] for line in lines if line.startswith(b"data:")), b"{}")
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return chunk if isinstance(chunk, dict) else {}


def written(chunk: dict[str, Any]) -> Iterator[str]:
    """Texts, thoughts and calls of tools, as far as they are shown."""
    if isinstance(delta := chunk.get("delta"), str):  # of the Responses API
        yield delta
    for choice in _objects(chunk.get("choices")):
        said = choice.get("delta")
        said = said if isinstance(said, dict) else choice  # of a text completion
        yield from _texts(said, _TEXTS)
        yield from islice(_texts(said, _THOUGHT), 1)
        for call in _objects(said.get("tool_calls")):
            if isinstance(function := call.get("function"), dict):
                yield from _texts(function, _CALL)


def _texts(fields: dict[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    return (text for name in names if isinstance(text := fields.get(name), str))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
