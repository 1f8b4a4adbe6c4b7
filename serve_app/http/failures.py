"""What a client is told when a path raises."""

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from deployments.errors import InvalidRequest, NotFound, ServingError
from serve_app.http.responses import error_response

# Other gateways have these without a version, too.
_OPENAI_S = ("/completions", "/responses", "/embeddings", "/models", "/route")


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
        path = request.url.path
        hint = ": a client's base URL ends with /v1" if path.endswith(_OPENAI_S) else ""
        message = f"There is no path {path!r}{hint}."
        return error_response(NotFound(message, code="path_not_found"))
    known = InvalidRequest(f"{error.detail}.", code="method_not_allowed")
    response = error_response(known, status=error.status_code)
    response.headers.update(error.headers or {})  # `Allow`, where there is one
    return response


async def _client_gone(_: Request, __: Exception) -> Response:
    # Nobody reads it; the status is nginx's, for the access log.
    return Response(status_code=499)


async def unforeseen(_: Request, __: Exception) -> Response:
    """What is told of an error that nobody reckoned with."""
    # Starlette raises the exception again after this answer, so that it is logged.
    return error_response(ServingError("An error of ours; it has been logged."))
