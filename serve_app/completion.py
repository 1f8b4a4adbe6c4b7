"""Answering one chat completion: decide, ask a backend, fall back, settle.

Knows nothing of HTTP and nothing of Ray.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from artifacts.policy import RoutingDecision
from deployments.errors import ServingError, UpstreamError
from deployments.protocol import (
    Answer,
    Backend,
    BackendRequest,
    RouteQuery,
    Settlement,
)
from serve_app.chat import Chat, routing_text
from serve_app.planning import Plan
from serve_app.tenants import Directory

logger = logging.getLogger(__name__)

Cause = Literal["routed", "requested", "fallback"]
Decide = Callable[[RouteQuery], Awaitable[RoutingDecision]]


@dataclass(frozen=True, slots=True)
class BackendPort:
    """A backend, and what its requests carry where the client says nothing."""

    name: str
    backend: Backend
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which models are to be tried, in order, and why."""

    models: tuple[str, ...]
    cause: Cause
    decision: RoutingDecision | None


@dataclass(frozen=True, slots=True)
class Answered:
    """Who answered."""

    model: str
    backend: str
    cause: Cause
    alpha: float
    artifact_id: str | None
    failed: tuple[str, ...]  # models tried before, in order


@dataclass(frozen=True, slots=True)
class Started:
    """A stream whose first frame has arrived: the headers can go out."""

    answered: Answered
    frames: AsyncIterator[bytes | Settlement]


class Completions:
    """Answers planned requests through the backends."""

    def __init__(
        self,
        decide: Decide,
        backend_of: Callable[[str], BackendPort],
        *,
        route_timeout_s: float,
        max_fallbacks: int,
    ) -> None:
        self._decide = decide
        self._backend_of = backend_of
        self._route_timeout_s = route_timeout_s
        self._max_fallbacks = max_fallbacks

    async def choose(self, plan: Plan, chat: Chat) -> Choice:
        """The models to try; routing that fails never fails the request."""
        if plan.fixed_model is not None:
            return Choice((plan.fixed_model,), "requested", None)
        query = RouteQuery(
            routing_text(chat.request.messages), plan.alpha, plan.candidates
        )
        try:
            async with asyncio.timeout(self._route_timeout_s):
                decision = await self._decide(query)
        except (TimeoutError, ServingError, RuntimeError) as error:
            logger.warning("routing failed (%s): default model", type(error).__name__)
            return Choice(_default_first(plan), "fallback", None)
        return Choice(decision.ranking, "routed", decision)

    async def complete(
        self, plan: Plan, chat: Chat, directory: Directory, request_id: str
    ) -> tuple[Answer, Answered]:
        """A whole answer; raises the last model's error if all that were tried fail."""
        choice = await self.choose(plan, chat)
        failed: list[str] = []
        for model in self._attempts(choice):
            port, request = self._request(model, chat, directory, request_id)
            try:
                answer = await port.backend.complete(request)
            except ServingError as error:
                self._give_up_or_note(error, model, choice, failed)
                continue
            return answer, _answered(plan, choice, port, model, failed)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def start_stream(
        self, plan: Plan, chat: Chat, directory: Directory, request_id: str
    ) -> Started:
        """A stream from the first model that begins to answer."""
        choice = await self.choose(plan, chat)
        failed: list[str] = []
        for model in self._attempts(choice):
            port, request = self._request(model, chat, directory, request_id)
            frames = port.backend.stream(request)
            try:
                first = await anext(frames)
            except StopAsyncIteration:
                error: ServingError = UpstreamError("The upstream's answer is empty.")
                self._give_up_or_note(error, model, choice, failed)
            except ServingError as raised:
                self._give_up_or_note(raised, model, choice, failed)
            else:
                answered = _answered(plan, choice, port, model, failed)
                return Started(answered, _resumed(first, frames))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempts(self, choice: Choice) -> tuple[str, ...]:
        return choice.models[: 1 + self._max_fallbacks]

    def _give_up_or_note(
        self, error: ServingError, model: str, choice: Choice, failed: list[str]
    ) -> None:
        """Raise unless another model may still be tried; in that case note this one."""
        failed.append(model)
        logger.warning("model %s failed: %s", model, type(error).__name__)
        if not error.retryable or len(failed) == len(self._attempts(choice)):
            error.model = model
            raise error

    def _request(
        self, model: str, chat: Chat, directory: Directory, request_id: str
    ) -> tuple[BackendPort, BackendRequest]:
        spec = directory.specs[model]
        port = self._backend_of(model)
        request = BackendRequest(
            request_id=request_id,
            model=model,
            upstream_model=spec.upstream_model,
            body=chat.upstream_body(spec.upstream_model, dict(port.defaults)),
            input_usd_per_token=spec.price.input_usd_per_token,
            output_usd_per_token=spec.price.output_usd_per_token,
        )
        return port, request


def _default_first(plan: Plan) -> tuple[str, ...]:
    default = plan.tenant.default_model
    if default in plan.candidates:
        return (default, *(m for m in plan.candidates if m != default))
    return plan.candidates


async def _resumed(
    first: bytes | Settlement, rest: AsyncIterator[bytes | Settlement]
) -> AsyncIterator[bytes | Settlement]:
    async with aclosing(rest):  # type: ignore[type-var]
        yield first
        async for item in rest:
            yield item


def _answered(
    plan: Plan, choice: Choice, port: BackendPort, model: str, failed: list[str]
) -> Answered:
    decision = choice.decision
    return Answered(
        model=model,
        backend=port.name,
        cause=choice.cause,
        alpha=plan.alpha,
        artifact_id=decision.artifact_id if decision else None,
        failed=tuple(failed),
    )
