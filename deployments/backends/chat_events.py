"""The JSON of a chat stream's events: which pass unread, and which tell of failures."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from deployments.backends.sse import DONE
from deployments.backends.upstream_errors import reported_error
from deployments.errors import ServingError, UpstreamError


def plain(events: Sequence[bytes]) -> int:
    """How many of the first events are JSON objects, each on one line, with nothing in
    them to read."""
    chunks = _parsed(events[:-1] if events and events[-1] == DONE else events)
    place = 0
    with suppress(AttributeError, LookupError, TypeError):  # of what is no chunk
        for place, chunk in enumerate(chunks):
            if chunk.get("error") or chunk.get("usage") or b"\n" in events[place]:
                return place
            if choices := chunk.get("choices"):
                choice = choices[0]
                if _failed(choice) or (choice.get("delta") or {}).get("annotations"):
                    return place
        return len(chunks)
    return place


def _parsed(events: Sequence[bytes]) -> list[Any]:
    """The values of the events up to the first that is no JSON: all at once, in half
    the time, or one by one where that fails.

    Two halves never make a whole: neither an object nor a string goes on across the
    brackets and the line end between them.
    """
    with suppress(orjson.JSONDecodeError):
        apart: list[list[Any]] = orjson.loads(b"[[%b]]" % b"],\n[".join(events))
        if len(apart) == len(events) and all(len(each) == 1 for each in apart):
            return [value for (value,) in apart]
    values: list[Any] = []
    with suppress(orjson.JSONDecodeError):
        values.extend(map(orjson.loads, events))
    return values


def json_object(data: bytes, what: str = "event") -> dict[str, Any]:
    """What the upstream sent; UpstreamError says so if it is no JSON object, and not
    what stands in it."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _with_halves(data, what)
    if not isinstance(value, dict):
        raise UpstreamError(f"The upstream's {what} is not an object.")
    return value


def _with_halves(data: bytes, what: str) -> Any:
    """An upstream that cuts text between UTF-16 units sends half a character (a lone
    surrogate, escaped): JSON, but no text that could be written as UTF-8. Here it is
    `?`; an event that passes as it came keeps it, and clients may join the halves."""
    try:
        value = json.loads(data, parse_constant=_refused)
        text = json.dumps(value, ensure_ascii=False)
        return orjson.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # orjson's and those of decoding among them
        raise UpstreamError(f"The upstream's {what} is not JSON.") from None


def _refused(constant: str) -> None:
    """Python's reader takes NaN and Infinity."""
    raise ValueError(constant)


def failure_in(data: dict[str, Any]) -> ServingError | None:
    """The error that a chunk or a whole answer tells of, in a choice too: OpenRouter
    ends one with it when a provider fails after the status was sent."""
    if error := data.get("error"):
        return reported_error(error)
    choices = data.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and _failed(choice):
            return reported_error(choice.get("error"))
    return None


def says(chunk: dict[str, Any]) -> bool:
    """Whether some of the answer is in a chunk, or its end. Other chunks announce it:
    they have no choice, or one that tells a role and an empty text."""
    choices = chunk.get("choices")
    return isinstance(choices, list) and any(map(_speaks, choices))


def _speaks(choice: Any) -> bool:
    if not isinstance(choice, dict):
        return False
    if choice.get("finish_reason") or choice.get("text"):
        return True
    delta = choice.get("delta")
    # Words, thoughts, a refusal, a call: what it is called differs.
    told = delta.items() if isinstance(delta, dict) else ()
    return any(value for name, value in told if name != "role")


def _failed(choice: dict[str, Any]) -> bool:
    """It may end as `error` and say no more: a call of a tool that its provider could
    not read (Gemini's MALFORMED_FUNCTION_CALL) is told so."""
    return bool(choice.get("error")) or choice.get("finish_reason") == "error"
