"""A request's body as JSON, and what a client is told that is wrong with it."""

from typing import Any

import orjson
from pydantic import ValidationError

from deployments.errors import InvalidRequest

_WRITTEN_DEPTH = 254  # orjson's, which reads up to 1,024 levels

# What pydantic says in Python's words, by its type of error.
_IN_JSON = {
    "dict_type": "it must be an object",
    "model_type": "it must be an object",
    "extra_forbidden": "there is no such field",
}


def parse_json(body: bytes) -> dict[str, Any]:
    """A JSON object; InvalidRequest says where the JSON is broken.

    One that is nested too deeply to be passed on is refused here, too.
    """
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if (at := _not_utf8(body)) is not None:
            what = f"The body is not UTF-8: see its byte {at + 1}."
            raise InvalidRequest(what, code="invalid_json") from None
        # The decoder's message holds a position, never the text around it.
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}.",
            code="invalid_json",
        ) from None
    if not isinstance(raw, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
    # Only so many brackets can be so deep; an image has none in its megabytes.
    if body.count(b"{") + body.count(b"[") > _WRITTEN_DEPTH and _too_deep(raw):
        what = "The body is nested too deeply to be passed on."
        raise InvalidRequest(what, code="invalid_json")
    return raw


def _not_utf8(body: bytes) -> int | None:
    """Where it is not, which orjson does not say; a compressed body is not from its
    first bytes on."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _too_deep(raw: dict[str, Any]) -> bool:
    try:
        orjson.dumps(raw)
    except orjson.JSONEncodeError:
        return True
    return False


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
        said = _IN_JSON.get(first["type"], first["msg"])
        message, code = f"{param}: {said}.".removeprefix(": "), "invalid_value"
    return InvalidRequest(message, param=param or None, code=code)


def _path(steps: list[int | str]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
