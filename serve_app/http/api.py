"""The HTTP surface: OpenAI's paths and words, and ours beside them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from deployments.errors import InvalidRequest, NotFound, Overloaded, ServingError
from serve_app.access.tenants import Tenant
from serve_app.answering.answered import Answered
from serve_app.answering.chat import Chat, parse_chat
from serve_app.answering.planning import Plan
from serve_app.answering.run import Call
from serve_app.gateway import Gateway
from serve_app.health import Health
from serve_app.http.admin import Admin
from serve_app.http.embeddings import Embeddings
from serve_app.http.event_stream import EventStream
from serve_app.http.incoming import asked, read_body, request_id
from serve_app.http.model_list import model_entry, model_list
from serve_app.http.responses import error_response, json_response, routing_headers
from serve_app.http.route_report import decision_report
from serve_app.http.streaming import sse_body
from serve_app.http.surfaces.completions import parse_completion
from serve_app.http.surfaces.responses import parse_responses
from serve_app.http.usage_api import UsageSource, usage_path
from serve_app.observing.observer import RequestWatch

Parse = Callable[[bytes], Chat]


def build_api(  # noqa: PLR0913  (its collaborators)
    gateway: Gateway,
    embeddings: Embeddings | None = None,
    *,
    usage: UsageSource | None = None,
    admin: Admin | None = None,
    background: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    health: Callable[[], Health] = Health,
) -> FastAPI:
    """The ASGI application of one Gateway; without an Embedder it has no embeddings.

    `usage` is the Ledger: without one `/v1/usage` is not there. Nor is `/admin/v1`
    without an `admin`.
    `background` runs from the application's start to its end; `health` tells how it
    fares.
    """
    app = FastAPI(
        title="avengers-serve",
        docs_url=None,
        redoc_url=None,
        lifespan=lambda _: background(),
    )
    app.add_exception_handler(ServingError, _serving_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(Exception, _unforeseen)
    paths = _Paths(gateway, embeddings, health)
    for prefix in ("/v1", "/tiers/{cost_tier}/v1"):
        app.router.routes += _openai_routes(paths, prefix)
    if admin is not None:
        app.include_router(admin.router())
    app.add_api_route("/v1/usage", usage_path(gateway, usage), methods=["GET"])
    app.add_api_route("/healthz", paths.healthz, methods=["GET"])
    app.add_api_route("/readyz", paths.readyz, methods=["GET"])
    return app


def _openai_routes(paths: "_Paths", prefix: str) -> list[Route]:
    """Starlette's own: FastAPI's injection and validation, which they do not use, would
    be a tenth of what we add to a request."""
    posts = {
        "/chat/completions": paths.chat,
        "/completions": paths.completions,
        "/responses": paths.responses,
        "/embeddings": paths.embeddings,
        "/route": paths.route,
    }
    gets = {"/models": paths.models, "/models/{model:path}": paths.model}
    return [
        Route(prefix + path, handler, methods=[method])
        for method, handlers in (("POST", posts), ("GET", gets))
        for path, handler in handlers.items()
    ]


class _Paths:
    """One method for each path."""

    def __init__(
        self,
        gateway: Gateway,
        embeddings: Embeddings | None,
        health: Callable[[], Health],
    ) -> None:
        self._gateway = gateway
        self._health = health
        self._embeddings = embeddings

    @property
    def _hosts(self) -> dict[str, str]:
        return self._gateway.directory.settings.hosts

    async def chat(self, request: Request) -> Response:
        """OpenAI's chat completions; `model` may be `auto` or `auto:<cost_tier>`."""
        return await self._answer(request, parse_chat)

    async def completions(self, request: Request) -> Response:
        """OpenAI's text completions, where the upstream has them."""
        return await self._answer(request, parse_completion)

    async def responses(self, request: Request) -> Response:
        """OpenAI's responses, none of them stored, where the upstream has them."""
        return await self._answer(request, parse_responses)

    async def embeddings(self, request: Request) -> Response:
        """OpenAI's embeddings, by the encoder that routes."""
        tenant = self._tenant(request)
        if tier := asked(request, self._hosts).cost_tier:
            self._gateway.directory.tier(tier, tenant, None)
        if self._embeddings is None:
            raise NotFound("There is no embedder here.", code="path_not_found")
        body = await read_body(request, self._gateway.limits.max_body_bytes)
        content = await self._embeddings.answer(body)
        return Response(content, media_type="application/json")

    async def route(self, request: Request) -> Response:
        """The decision for a chat completion, without the answer."""
        plan, chat = await self._planned(request, parse_chat)
        return json_response(await self._gateway.explain(plan, chat))

    async def models(self, request: Request) -> Response:
        """The models and cost tiers that this key may use."""
        tenant, tier = self._tenant(request), asked(request, self._hosts).cost_tier
        return json_response(model_list(self._gateway.directory, tenant, tier))

    async def model(self, request: Request) -> Response:
        """One of them."""
        model = request.path_params["model"]
        tenant, tier = self._tenant(request), asked(request, self._hosts).cost_tier
        found = model_entry(self._gateway.directory, tenant, model, tier)
        return json_response(found)

    async def healthz(self) -> Response:
        """The process is alive."""
        return PlainTextResponse("ok")

    async def readyz(self) -> Response:
        """The decision path answers; and what is amiss though requests go on."""
        if not await self._gateway.ready():
            raise Overloaded("The router does not answer yet.", retry_after_s=1.0)
        return json_response(self._health().report())

    def _tenant(self, request: Request) -> Tenant:
        authorization = request.headers.get("authorization")
        return self._gateway.directory.authenticate(authorization)

    async def _planned(
        self, request: Request, parse: Parse, watch: RequestWatch | None = None
    ) -> tuple[Plan, Chat]:
        """Authenticate before anything of the body is read or judged."""
        tenant = self._tenant(request)
        if watch is not None:
            watch.identified(tenant, self._gateway.directory)
        limit = self._gateway.limits.max_body_bytes
        chat = parse(await read_body(request, limit))
        return self._gateway.plan(tenant, chat, asked(request, self._hosts)), chat

    async def _answer(self, request: Request, parse: Parse) -> Response:
        observer, path = self._gateway.observer, request.scope["route"].path
        told = request.headers.get("traceparent")
        with observer.begin(request_id(request), path, told) as watch:
            plan, chat = await self._planned(request, parse, watch)
            call = await self._call(plan, chat, watch)
            if chat.request.stream:
                return await self._stream(call)
            return await self._whole(call)

    async def _whole(self, call: Call) -> Response:
        plan, chat = call.plan, call.chat
        # Serve cancels the handler of a client that is gone.
        answer, answered = await self._gateway.completions.complete(call)
        headers = routing_headers(answered, answer.settlement.cost_usd)
        headers |= call.ticket.headers
        body = answer.body
        if routing := _explained(chat, answered, plan):
            body = orjson.dumps({**orjson.loads(body), "routing": routing})
        return Response(body, headers=headers, media_type="application/json")

    async def _call(self, plan: Plan, chat: Chat, watch: RequestWatch) -> Call:
        ticket = await self._gateway.admit(plan, chat)
        directory = self._gateway.directory
        return Call(plan, chat, directory, watch.request_id, ticket, watch)

    async def _stream(self, call: Call) -> Response:
        plan, chat = call.plan, call.chat
        started = await self._gateway.completions.start_stream(call)
        body = sse_body(
            started,
            include_usage=chat.request.include_usage,
            surface=chat.surface,
            routing=_explained(chat, started.answered, plan),
        )
        return EventStream(
            body,
            headers={
                **routing_headers(started.answered),
                **call.ticket.headers,
                "cache-control": "no-cache",
                "x-accel-buffering": "no",  # proxies must not hold tokens back
            },
        )


def _explained(chat: Chat, answered: Answered, plan: Plan) -> dict[str, Any] | None:
    """What `routing.explain` asks for; None if it does not, or nothing was decided."""
    if not chat.request.routing.explain or answered.decision is None:
        return None
    return decision_report(answered.decision, plan)


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


async def _client_gone(_: Request, __: Exception) -> Response:
    # Nobody reads it; the status is nginx's, for the access log.
    return Response(status_code=499)


async def _unforeseen(_: Request, __: Exception) -> Response:
    # Starlette raises the exception again after this answer, so that it is logged.
    return error_response(ServingError("An error of ours; it has been logged."))
