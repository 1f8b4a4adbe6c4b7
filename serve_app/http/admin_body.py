"""What an administrator sends and is sent: checked bodies, and what has changed."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from deployments.errors import InvalidRequest
from deployments.store.snapshot import Change
from serve_app.answering.json_body import parse_json
from serve_app.http.account_json import shown_change
from serve_app.http.incoming import read_body
from serve_app.http.responses import json_response

_MAX_BODY_BYTES = 2**20
_BODY_S = 60.0

# Method, path below the prefix, handler.
Paths = tuple[tuple[str, str, Callable[..., Awaitable[Response]]], ...]
Body = TypeVar("Body", bound=BaseModel)


async def admin_body(request: Request) -> dict[str, Any]:
    """A JSON object; nothing at all is an empty one."""
    content = await read_body(request, _MAX_BODY_BYTES, _BODY_S)
    return parse_json(content) if content else {}


def checked_body(model: type[Body], fields: dict[str, Any]) -> Body:
    """InvalidRequest names the first field that is wrong."""
    with told():
        return model.model_validate(fields)


@contextmanager
def told() -> Iterator[None]:
    """InvalidRequest instead of a ValidationError; it names the first field."""
    try:
        yield
    except ValidationError as error:
        raise _wrong(error) from None


def _wrong(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    what = first["msg"].removeprefix("Value error, ")
    steps = (f"[{s}]" if isinstance(s, int) else f".{s}" for s in first["loc"])
    param = "".join(steps).removeprefix(".")
    message = f"{param}: {what}." if param else f"{what}."
    return InvalidRequest(message, param=param or None, code="invalid_value")


def list_response(data: Iterable[dict[str, Any]], *, has_more: bool) -> Response:
    """A list in OpenAI's shape."""
    return json_response({"object": "list", "data": [*data], "has_more": has_more})


def changes_response(changes: Sequence[Change], message: str | None = None) -> Response:
    """What was created, changed or deleted; nothing, if it was so before.

    `message`: what else comes of it.
    """
    shown = [shown_change(change) for change in changes]
    content = {"object": "list", "data": shown, "has_more": False}
    return json_response(content if message is None else content | {"message": message})
