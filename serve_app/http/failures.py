"""What a client is told when a path raises."""

import re

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route

from deployments.errors import InvalidRequest, NotFound, ServingError
from serve_app.http.responses import error_response

# Other gateways have these without a version, too; and some clients add one that is
# there already.
_OPENAI_S = re.compile(
    r"(?P<tier>/tiers/[^/]+)?(?:/.*?)??"
    r"(?P<end>/chat/completions|/(?:completions|responses|embeddings|models|route))/*"
)


def answer_failures(app: FastAPI) -> None:
    """Every error becomes OpenAI's envelope."""
    app.add_exception_handler(ServingError, _serving_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(Exception, unforeseen)


async def _serving_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServingError)
    return error_response(error)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return error_response(_no_path(request.scope["path"]))
    # All else that Starlette raises here is that the path has no such method.
    allowed = ", ".join(_allowed(request))
    message = f"This path answers {allowed} only."
    known = InvalidRequest(message, code="method_not_allowed")
    response = error_response(known, status=error.status_code)
    response.headers["allow"] = allowed
    return response


def _no_path(path: str) -> NotFound:
    message = f"There is no path {path!r}"
    if found := _OPENAI_S.fullmatch(path):
        right = f"{found['tier'] or ''}/v1{found['end']}"
        message += f", only {right!r}: a client's base URL ends with /v1"
    return NotFound(f"{message}.", code="path_not_found")


def _allowed(request: Request) -> list[str]:
    """The methods of all routes of this path: Starlette tells those of the first."""
    scope = {**request.scope, "path": request.scope["path"].rstrip("/")}
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.PARTIAL:
            methods |= route.methods or set()
    return sorted(methods)


async def _client_gone(_: Request, __: Exception) -> Response:
    # Nobody reads it; the status is nginx's, for the access log.
    return Response(status_code=499)


async def unforeseen(_: Request, __: Exception) -> Response:
    """What is told of an error that nobody reckoned with."""
    # Starlette raises the exception again after this answer, so that it is logged.
    return error_response(ServingError("An error of ours; it has been logged."))
