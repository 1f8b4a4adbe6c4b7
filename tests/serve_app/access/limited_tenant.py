"""A Gateway whose one tenant is limited, and the book that keeps count."""

import json
from typing import Any

import httpx

from deployments.limits.ledger_protocol import Resource
from serve_app.access.holdings import Holdings
from serve_app.answering.call import BackendPort, Call
from serve_app.answering.chat import parse_chat
from serve_app.answering.planning import Asked
from serve_app.gateway import Gateway
from serve_app.http.api import build_api
from serve_app.http.embeddings import Embeddings
from tests.deployments.store.made import tenant
from tests.fakes import CATALOG, KEPT, FixedRouter, ScriptedBackend, app_config
from tests.length_encoder import Lengths
from tests.serve_app.fake_ledger import Clock, FakeLedger

PLACES = Resource("parallel", "t")
PLACES_OF_KEY = Resource("parallel", "t", "env:TEST_KEY")
BUDGET = Resource("budget", "t")
PRICES = {"small": 1.0, "large": 0.1, "other": 0.01}  # USD a token; small ranks first


class World:
    """A real Gateway whose one tenant has these terms, and a book of allowances."""

    def __init__(
        self,
        backend: ScriptedBackend | None = None,
        *,
        capabilities: tuple[str, ...] = (),
        **terms: Any,
    ) -> None:
        self.clock = Clock()
        self.backend = backend or ScriptedBackend()
        self.encoder = Lengths(exact=False)
        keys = [{"env": "TEST_KEY", **terms.pop("key", {})}]
        catalog = [
            {
                **model,
                "capabilities": [*model["capabilities"], *capabilities],
                "max_output_tokens": 10,
                "price": {
                    "input_usd_per_token": 0,
                    "output_usd_per_token": PRICES[model["id"]],
                },
            }
            for model in CATALOG
        ]
        config = app_config(
            catalog={"models": catalog},
            tenants=[{"id": "t", "alpha": 0.5, "keys": keys, **terms}],
            **KEPT,
        )
        self.ledger = FakeLedger(self.clock, tenant(**terms, keys=keys))
        self.holdings = Holdings("a", self.ledger, self.clock)
        port = BackendPort("fake", self.backend)
        self.gateway = Gateway(
            config, FixedRouter(), {"fake": port}, None, self.holdings
        )
        self.gateway._admission._clock = self.clock

    async def ask(self, **body: Any) -> httpx.Response:
        message = {"role": "user", "content": "hi"}
        path = "/v1/chat/completions"
        return await self.post(path, {"messages": [message], **body})

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        app = build_api(self.gateway, Embeddings(self.encoder, timeout_s=5))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://test",
            headers={"authorization": "Bearer k"},
        ) as client:
            return await client.post(path, json=body)

    async def call(self, **body: Any) -> Call:
        """An admitted one."""
        message = {"role": "user", "content": "hi"}
        chat = parse_chat(json.dumps({"messages": [message], **body}).encode())
        view = self.gateway.directory
        plan = self.gateway.plan(view, view.authenticate("Bearer k"), chat, Asked())
        ticket = await self.gateway.admit(plan, chat)
        return Call(plan, chat, view, "req-1", ticket)

    def reserved(self, resource: Resource = PLACES) -> float:
        return self.holdings.of(resource).part.reserved
