"""The HTTP surface: OpenAI's paths and words, and ours beside them."""

import math
import uuid
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from deployments.errors import (
    InvalidRequest,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    ServingError,
)
from serve_app.chat import Chat, parse_chat
from serve_app.gateway import Gateway
from serve_app.model_list import model_entry, model_list
from serve_app.planning import Asked, Plan
from serve_app.responses import error_response, json_response, routing_headers
from serve_app.streaming import sse_body


def build_api(gateway: Gateway) -> FastAPI:
    """The ASGI application of one Gateway."""
    app = FastAPI(title="avengers-serve", docs_url=None, redoc_url=None)
    app.add_exception_handler(ServingError, _serving_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _unforeseen)
    paths = _Paths(gateway)
    for prefix in ("/v1", "/tiers/{cost_tier}/v1"):
        app.include_router(_openai_routes(paths, prefix))
    app.add_api_route("/healthz", paths.healthz, methods=["GET"])
    app.add_api_route("/readyz", paths.readyz, methods=["GET"])
    return app


def _openai_routes(paths: "_Paths", prefix: str) -> APIRouter:
    router = APIRouter(prefix=prefix)
    router.add_api_route("/chat/completions", paths.chat, methods=["POST"])
    router.add_api_route("/route", paths.route, methods=["POST"])
    router.add_api_route("/models", paths.models, methods=["GET"])
    router.add_api_route("/models/{model:path}", paths.model, methods=["GET"])
    return router


class _Paths:
    """One method for each path."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def chat(self, request: Request) -> Response:
        """OpenAI's chat completions; `model` may be `auto` or `auto:<cost_tier>`."""
        plan, chat = await self._planned(request)
        if chat.request.stream:
            return await self._stream(request, plan, chat)
        directory = self._gateway.directory
        answer, answered = await self._gateway.completions.complete(
            plan, chat, directory, _request_id(request)
        )
        headers = routing_headers(answered, answer.settlement.cost_usd)
        return Response(answer.body, headers=headers, media_type="application/json")

    async def route(self, request: Request) -> Response:
        """The decision for a chat completion, without the answer."""
        plan, chat = await self._planned(request)
        return json_response(await self._gateway.explain(plan, chat))

    async def models(self, request: Request) -> Response:
        """The models and cost tiers that this key may use."""
        directory = self._gateway.directory
        tenant = directory.authenticate(request.headers.get("authorization"))
        return json_response(model_list(directory, tenant))

    async def model(self, request: Request, model: str) -> Response:
        """One of them."""
        directory = self._gateway.directory
        tenant = directory.authenticate(request.headers.get("authorization"))
        return json_response(model_entry(directory, tenant, model))

    async def healthz(self) -> Response:
        """The process is alive."""
        return PlainTextResponse("ok")

    async def readyz(self) -> Response:
        """The decision path answers."""
        if not await self._gateway.ready():
            raise Overloaded("The router does not answer yet.", retry_after_s=1.0)
        return PlainTextResponse("ready")

    async def _planned(self, request: Request) -> tuple[Plan, Chat]:
        """Authenticate before anything of the body is read or judged."""
        authorization = request.headers.get("authorization")
        tenant = self._gateway.directory.authenticate(authorization)
        limit = self._gateway.limits.max_body_bytes
        chat = parse_chat(await _read_body(request, limit))
        return self._gateway.plan(tenant, chat, _asked(request)), chat

    async def _stream(self, request: Request, plan: Plan, chat: Chat) -> Response:
        started = await self._gateway.completions.start_stream(
            plan, chat, self._gateway.directory, _request_id(request)
        )
        body: AsyncIterator[bytes] = sse_body(
            started, include_usage=chat.request.include_usage
        )
        return StreamingResponse(
            body,
            headers={
                **routing_headers(started.answered),
                "cache-control": "no-cache",
                "x-accel-buffering": "no",  # proxies must not hold tokens back
            },
            media_type="text/event-stream",
        )


def _request_id(request: Request) -> str:
    """The client's `x-request-id` or a new one; Serve writes it into the response."""
    return request.headers.get("x-request-id") or f"req-{uuid.uuid4().hex}"


def _asked(request: Request) -> Asked:
    tier: str | None = request.path_params.get("cost_tier")
    stated = request.headers.get("x-routing-alpha")
    if stated is None:
        return Asked(tier)
    try:
        alpha = float(stated)
    except ValueError:
        alpha = math.nan
    if not 0 <= alpha <= 1:
        message = "x-routing-alpha must be a number in [0, 1]."
        raise InvalidRequest(message, param="x-routing-alpha", code="invalid_value")
    return Asked(tier, alpha)


async def _read_body(request: Request, limit: int) -> bytes:
    """The body, never holding more than `limit` bytes of it."""
    too_large = PayloadTooLarge(f"The body is over the limit of {limit} bytes.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large
            parts.append(part)
    except ClientDisconnect:
        raise InvalidRequest("The client went away while sending.") from None
    return b"".join(parts)


async def _serving_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServingError)
    return error_response(error)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message, code = f"There is no path {request.url.path!r}.", "path_not_found"
        return error_response(NotFound(message, code=code))
    known = InvalidRequest(f"{error.detail}.", code="method_not_allowed")
    return error_response(known, status=error.status_code)


async def _unforeseen(_: Request, __: Exception) -> Response:
    # Starlette raises the exception again after this answer, so that it is logged.
    return error_response(ServingError("An error of ours; it has been logged."))
