"""Which models are to be tried for a request, in which order, and why."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from artifacts.policy import RoutingDecision
from deployments.errors import ServingError
from deployments.protocol import RouteQuery
from serve_app.chat import Chat
from serve_app.conversation import routing_text
from serve_app.planning import Plan

logger = logging.getLogger(__name__)

Cause = Literal["routed", "requested", "fallback"]
Decide = Callable[[RouteQuery], Awaitable[RoutingDecision]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which models are to be tried, in order, and why."""

    models: tuple[str, ...]
    cause: Cause
    decision: RoutingDecision | None


class Chooser:
    """Asks the router; routing that fails never fails the request."""

    def __init__(self, decide: Decide, *, timeout_s: float) -> None:
        self._decide = decide
        self._timeout_s = timeout_s

    async def choose(self, plan: Plan, chat: Chat) -> Choice:
        """The models to try."""
        if plan.fixed_model is not None:
            return Choice((plan.fixed_model,), "requested", None)
        try:
            async with asyncio.timeout(self._timeout_s):
                decision = await self._decide(route_query(plan, chat))
        except (TimeoutError, ServingError, RuntimeError) as error:
            logger.warning("routing failed (%s): default model", type(error).__name__)
            return Choice(_default_first(plan), "fallback", None)
        return Choice(decision.ranking, "routed", decision)


def route_query(plan: Plan, chat: Chat) -> RouteQuery:
    """What the router is asked."""
    text = routing_text(chat.request.messages)
    return RouteQuery(text, plan.alpha, plan.candidates)


def _default_first(plan: Plan) -> tuple[str, ...]:
    default = plan.tenant.default_model
    if default in plan.candidates:
        return (default, *(m for m in plan.candidates if m != default))
    return plan.candidates
