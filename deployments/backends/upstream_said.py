"""What an upstream says of an error, in whichever shape it comes.

OpenAI's is `{"error": {"message", "type", "param", "code"}}`. Gemini sends that in a
list; xAI has the message in the place of the object; Mistral, vLLM and Bedrock send
the inner object alone, and FastAPI a `detail`. OpenRouter, Azure, Google and LiteLLM's
proxy hold more inside it, OpenRouter what its provider has said.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

_T = TypeVar("_T")
_Object = dict[str, Any]

_DEEPEST = 6
_MOST = 20  # objects, of which each may hold others
_LONGEST = 2**14  # of a message, in characters
_BEGINNING = 500  # of a body that is no JSON, or was cut
_STATUS = re.compile("[45][0-9][0-9]")
# A name, nothing that is quoted: of a field, and of what is wrong with it.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.[\]]{0,79}")
_REASON = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,40}")
_MOST_REASONS = 8
_HOLDERS = (("metadata", "raw"), ("provider_specific_fields", "innererror"))
_NAMED_BY = ("code", "type", "status", "reason")


@dataclass(frozen=True, slots=True)
class Said:
    """What was found. Messages may quote the prompt or the key: they are looked
    through, and never repeated."""

    names: frozenset[str] = frozenset()  # codes, types and reasons, in lower case
    messages: tuple[str, ...] = ()
    status: int | None = None  # of HTTP, where the body holds one
    param: str | None = None  # the field of the request
    code: str | None = None  # the outermost
    flagged: tuple[str, ...] | None = None  # by OpenRouter's moderation: why


def said_in(body: bytes) -> Said:
    """What the body of an HTTP error says, or as much of it as has come."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Said(messages=(body[:_BEGINNING].decode("utf-8", "replace"),))
    return said_of(value)


def said_of(value: Any) -> Said:
    """What a body says, or an `error` inside an answer."""
    found: list[_Object] = []
    for each in _objects(value, 0):
        found.append(each)
        if len(found) == _MOST:
            break
    texts = (each.get("message") for each in found)
    named = (_name(each.get(key)) for each in found for key in _NAMED_BY)
    return Said(
        names=frozenset(name.lower() for name in named if name),
        messages=tuple(text[:_LONGEST] for text in texts if isinstance(text, str)),
        status=_first(_status(each) for each in found),
        param=_first(_name(each.get("param")) for each in found),
        code=_first(_name(each.get("code")) for each in found),
        flagged=_first(_reasons(each) for each in found),
    )


def _objects(value: Any, depth: int) -> Iterator[_Object]:
    """Error objects, each before those inside it."""
    if isinstance(value, str):
        value = _parsed(value) or {"message": value}
    inside: Iterable[Any] = value if isinstance(value, list) else ()
    if isinstance(value, dict):
        own, inside = _opened(value)
        if own is not None:
            yield own
    if depth < _DEEPEST:
        for part in inside:
            yield from _objects(part, depth + 1)


def _opened(value: _Object) -> tuple[_Object | None, Iterable[Any]]:
    """An error object and what it holds of others; of what only holds one, that."""
    inner = value.get("error") or value.get("detail")
    if isinstance(inner, str):
        return value | {"message": inner}, ()
    if isinstance(inner, dict | list):
        return None, (inner,)
    return _unified(value), _parts(value)


def _unified(value: _Object) -> _Object:
    """FastAPI's in OpenAI's words. What stands in `input` is the client's own."""
    if isinstance(value.get("msg"), str) and isinstance(loc := value.get("loc"), list):
        field = ".".join(str(step) for step in loc if step != "body")
        kind = value.get("type")
        return {"message": value["msg"], "param": field, "code": kind}
    return value


def _parts(error: _Object) -> Iterator[Any]:
    """What an error object holds of others: OpenRouter's of its provider, Azure's of
    its filter, Google's details."""
    for outer, inner in _HOLDERS:
        if isinstance(holder := error.get(outer), dict):
            yield holder.get(inner)
    yield error.get("innererror")
    if isinstance(details := error.get("details"), list):
        yield details
    message = error.get("message")
    # Relays send so what Gemini has said.
    yield _parsed(message) if isinstance(message, str) else message


def _parsed(text: str) -> Any:
    """The objects of an error that was sent as a text; None where that is all."""
    try:
        value = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict | list) else None


def _status(error: _Object) -> int | None:
    """LiteLLM's proxy writes it as a text, Groq beside a code in words."""
    for value in (error.get("code"), error.get("status_code")):
        if isinstance(value, str) and _STATUS.fullmatch(value):
            return int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _name(value: Any) -> str | None:
    named = isinstance(value, str) and _NAME.fullmatch(value)
    return value if named and value != str(None) else None  # LiteLLM's proxy writes it


def _reasons(error: _Object) -> tuple[str, ...] | None:
    """They stand beside the input itself."""
    metadata = error.get("metadata")
    reasons = metadata.get("reasons") if isinstance(metadata, dict) else None
    if not isinstance(reasons, list):
        return None
    named = [why for why in reasons if isinstance(why, str) and _REASON.fullmatch(why)]
    return tuple(named[:_MOST_REASONS])


def _first(values: Iterator[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)
