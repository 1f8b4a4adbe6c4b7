"""The HTTP surface: OpenAI's paths, and ours beside them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.errors import NotFound, Overloaded
from serve_app.access.tenants import Tenant
from serve_app.gateway import Gateway
from serve_app.health import Health
from serve_app.http.admin import Admin
from serve_app.http.answers import Answers
from serve_app.http.embedding_request import parse_embeddings
from serve_app.http.embeddings import Embeddings
from serve_app.http.failures import answer_failures, unforeseen
from serve_app.http.incoming import asked, read_body
from serve_app.http.model_list import model_entry, model_list
from serve_app.http.responses import json_response
from serve_app.http.usage_api import UsageSource, usage_path


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
        openapi_url=None,  # it needs no key, and knows the paths of administration only
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: background(),
    )
    app.router.default = _without_slash(app.router)
    answer_failures(app)
    if gateway.cors_origins:
        _let_pages_ask(app, gateway.cors_origins)
    answers, paths = Answers(gateway), _Paths(gateway, embeddings, health)
    for prefix in ("/v1", "/tiers/{cost_tier}/v1"):
        app.router.routes += _openai_routes(answers, paths, prefix)
    if admin is not None:
        app.include_router(admin.router())
    # Starlette's own, like those above: they answer HEAD, too, as monitors ask.
    app.router.routes += [
        Route("/v1/usage", usage_path(gateway, usage)),
        Route("/healthz", paths.healthz),
        Route("/readyz", paths.readyz),
    ]
    return app


def _let_pages_ask(app: FastAPI, origins: Sequence[str]) -> None:
    """Browsers let pages of these origins ask us, and read all that we answer.

    They are lent nothing: a key stands in a header that the page has to write itself.
    """
    # The application's own answer to what is unforeseen is given outside of this.
    app.add_middleware(ServerErrorMiddleware, handler=unforeseen)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["*"],
    )


def _openai_routes(answers: Answers, paths: "_Paths", prefix: str) -> list[Route]:
    """Starlette's own: FastAPI's injection and validation, which they do not use, would
    be a tenth of what we add to a request."""
    posts = {
        "/chat/completions": answers.chat,
        "/completions": answers.completions,
        "/responses": answers.responses,
        "/embeddings": paths.embeddings,
        "/route": answers.route,
    }
    gets = {"/models": paths.models, "/models/{model:path}": paths.model}
    return [
        Route(prefix + path, handler, methods=[method])
        for method, handlers in (("POST", posts), ("GET", gets))
        for path, handler in handlers.items()
    ]


def _without_slash(router: Router) -> ASGIApp:
    """What answers where no path is: the same without the slash at its end.

    A redirect would be a second request, which not all clients make of a POST, and
    behind a proxy that ends TLS one to `http://`.
    """
    not_found = router.default

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/")
        if scope["type"] != "http" or path in {"", scope["path"]}:
            return await not_found(scope, receive, send)
        return await router({**scope, "path": path}, receive, send)

    return answer


class _Paths:
    """One method for each of the others."""

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

    async def embeddings(self, request: Request) -> Response:
        """OpenAI's embeddings, by the encoder that routes."""
        tenant = self._tenant(request)
        if tier := asked(request, self._hosts).cost_tier:
            self._gateway.directory.tier(tier, tenant, None)
        if self._embeddings is None:
            raise NotFound("There is no embedder here.", code="path_not_found")
        limits = self._gateway.limits
        body = await read_body(request, limits.max_body_bytes, limits.body_timeout_s)
        wanted = parse_embeddings(body)
        async with self._gateway.reading(tenant, wanted.prompt) as found:
            content, found.tokens = await self._embeddings.answer(wanted)
        kind = "application/json"
        return Response(content, headers=found.headers, media_type=kind)

    async def models(self, request: Request) -> Response:
        """The models and cost tiers that this key may use."""
        tenant, tier = self._tenant(request), asked(request, self._hosts).cost_tier
        return json_response(model_list(self._gateway.directory, tenant, tier))

    async def model(self, request: Request) -> Response:
        """One of them."""
        model = request.path_params["model"].rstrip("/")
        if not model:
            return await self.models(request)
        tenant, tier = self._tenant(request), asked(request, self._hosts).cost_tier
        found = model_entry(self._gateway.directory, tenant, model, tier)
        return json_response(found)

    async def healthz(self, _: Request) -> Response:
        """The process is alive."""
        return PlainTextResponse("ok")

    async def readyz(self, _: Request) -> Response:
        """The decision path answers; and what is amiss though requests go on."""
        if not await self._gateway.ready():
            raise Overloaded("The router does not answer yet.", retry_after_s=1.0)
        return json_response(self._health().report())

    def _tenant(self, request: Request) -> Tenant:
        authorization = request.headers.get("authorization")
        return self._gateway.directory.authenticate(authorization)
