"""The paths that take a conversation: OpenAI's, which answer it, and `/v1/route`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response

from serve_app.access.measuring import LONG_BYTES, measured
from serve_app.access.request_size import PromptSize
from serve_app.access.tenants import Directory
from serve_app.answering.answered import Answered
from serve_app.answering.call import Call
from serve_app.answering.chat import Chat, parse_chat
from serve_app.answering.planning import Plan
from serve_app.gateway import Gateway
from serve_app.http.event_stream import EventStream
from serve_app.http.incoming import asked, read_body, request_id
from serve_app.http.responses import json_response, routing_headers
from serve_app.http.route_report import decision_report, route_report
from serve_app.http.streaming import sse_body
from serve_app.http.surfaces.completions import parse_completion
from serve_app.http.surfaces.responses import parse_responses
from serve_app.observing.observer import RequestWatch

Parse = Callable[[bytes], Chat]

# Nobody is charged for what `/v1/route` reads: no tokens of a limit are drawn for it.
_NOTHING = PromptSize(())


class Answers:
    """One method for each path."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def chat(self, request: Request) -> Response:
        """OpenAI's chat completions; `model` may be `auto` or `auto:<cost_tier>`."""
        return await self._answer(request, parse_chat)

    async def completions(self, request: Request) -> Response:
        """OpenAI's text completions, where the upstream has them."""
        return await self._answer(request, parse_completion)

    async def responses(self, request: Request) -> Response:
        """OpenAI's responses, none of them stored, where the upstream has them."""
        return await self._answer(request, parse_responses)

    async def route(self, request: Request) -> Response:
        """The decision for a chat completion, without the answer."""
        directory = self._gateway.directory
        plan, chat = await self._planned(directory, request, parse_chat)
        async with self._gateway.reading(plan.tenant, _NOTHING) as found:
            explained, took_s = await self._gateway.explain(directory, plan, chat)
            report = route_report(explained, plan, took_s)
        return json_response(report, found.headers)

    async def _planned(
        self,
        directory: Directory,
        request: Request,
        parse: Parse,
        watch: RequestWatch | None = None,
    ) -> tuple[Plan, Chat]:
        """Authenticate before anything of the body is read or judged."""
        tenant = directory.authenticate(request.headers.get("authorization"))
        if watch is not None:
            watch.identified(tenant, directory)
        limits = self._gateway.limits
        body = await read_body(request, limits.max_body_bytes, limits.body_timeout_s)
        chat, wanted = parse(body), asked(request, directory.settings.hosts)
        planned = partial(self._gateway.plan, directory, tenant, chat, wanted)
        if len(body) > LONG_BYTES:
            return await measured(partial(_with_tokens, planned)), chat
        return planned(), chat

    async def _answer(self, request: Request, parse: Parse) -> Response:
        observer, path = self._gateway.observer, request.scope["route"].path
        told = request.headers.get("traceparent")
        with observer.begin(request_id(request), path, told) as watch:
            # One view from here to the end of the answer, whatever changes meanwhile.
            directory = self._gateway.directory
            plan, chat = await self._planned(directory, request, parse, watch)
            ticket = await self._gateway.admit(plan, chat)
            call = Call(plan, chat, directory, watch.request_id, ticket, watch)
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

    async def _stream(self, call: Call) -> Response:
        plan, chat = call.plan, call.chat
        started = await self._gateway.completions.start_stream(call)
        body = sse_body(
            started,
            include_usage=chat.include_usage,
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


def _with_tokens(planned: Callable[[], Plan]) -> Plan:
    """With its tokens counted: limits, budgets and prompt caches will ask for them."""
    plan = planned()
    _ = plan.prompt.tokens
    return plan


def _explained(chat: Chat, answered: Answered, plan: Plan) -> dict[str, Any] | None:
    """What `routing.explain` asks for; None if it does not, or nothing was decided."""
    if not chat.request.routing.explain or answered.decision is None:
        return None
    return decision_report(answered.decision, plan)
