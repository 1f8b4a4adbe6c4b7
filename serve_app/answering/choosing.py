"""Which models are to be tried for a request, in which order, and why."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from artifacts.policy import RoutingDecision
from deployments.catalog import ModelSpec
from deployments.errors import (
    InvalidRequest,
    NotProfiled,
    RoutingUnavailable,
    ServingError,
)
from deployments.protocol.routing import RequestTerms, RouteQuery
from serve_app.access.request_size import AnswerSize, PromptSize
from serve_app.access.tenants import Directory
from serve_app.answering.answer_size import answer_size
from serve_app.answering.chat import Chat
from serve_app.answering.config import ConversationConfig
from serve_app.answering.conversation import (
    beginning,
    conversation_key,
    first_text,
    routing_text,
)
from serve_app.answering.conversation_memory import ConversationMemory
from serve_app.answering.planning import Plan

logger = logging.getLogger(__name__)

Cause = Literal["routed", "requested", "fallback"]
Decide = Callable[[RouteQuery], Awaitable[RoutingDecision]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which models are to be tried, in order, and why."""

    models: tuple[str, ...]
    cause: Cause
    decision: RoutingDecision | None
    conversation: str | None = None  # its key, if it is one


class Chooser:
    """Asks the router; routing that fails fails no request whose terms can be kept
    without it."""

    def __init__(
        self, decide: Decide, *, timeout_s: float, conversations: ConversationConfig
    ) -> None:
        self._decide = decide
        self._timeout_s = timeout_s
        self._keep_together = conversations.keep_together
        self._memory = ConversationMemory(conversations)

    async def choose(
        self,
        plan: Plan,
        chat: Chat,
        directory: Directory,
        traceparent: str | None = None,
    ) -> Choice:
        """The models to try; InvalidRequest if none is within `max_cost_usd`.

        RoutingUnavailable if routing fails, and without it none can be said to be.
        """
        key = conversation_key(plan.tenant.id, chat.request)
        if plan.fixed_model is not None and chat.request.routing.max_cost_usd is None:
            return Choice((plan.fixed_model,), "requested", None, key)
        query = self.query(plan, chat, directory)
        if traceparent is not None:
            query = replace(query, traceparent=traceparent)
        try:
            async with asyncio.timeout(self._timeout_s):
                decision = await self._decide(query)
        except InvalidRequest:
            raise
        except (TimeoutError, ServingError, RuntimeError) as error:
            logger.warning("routing failed (%s)", type(error).__name__)
            cause: Cause = "fallback" if plan.fixed_model is None else "requested"
            if models := _unrouted(plan, chat, directory):
                return Choice(models, cause, None, key)
            raise _not_within(error, chat.request.routing.max_cost_usd) from None
        cause = "routed" if plan.fixed_model is None else "requested"
        return Choice(decision.ranking, cause, decision, key)

    def query(self, plan: Plan, chat: Chat, directory: Directory) -> RouteQuery:
        """What the router is asked."""
        text = routing_text(chat.request.messages)
        fixed = plan.fixed_model
        candidates = plan.candidates if fixed is None else (fixed,)
        terms = self._terms(plan, chat, candidates, directory)
        tenant = plan.tenant.config
        artifacts = directory.rollouts.choice(
            tenant, lambda: beginning(tenant.id, chat.request)
        )
        return RouteQuery(
            text,
            plan.alpha,
            candidates,
            terms,
            artifacts,
            scores=chat.request.routing.explain,
        )

    def answered(self, choice: Choice, model: str) -> None:
        """`model` has answered: the conversation is in its provider's cache now."""
        if choice.conversation is not None:
            self._memory.answered(choice.conversation, model)

    def _terms(
        self,
        plan: Plan,
        chat: Chat,
        candidates: tuple[str, ...],
        directory: Directory,
    ) -> RequestTerms | None:
        """None for most requests: they neither cap their cost nor go on."""
        limit = chat.request.routing.max_cost_usd
        key = conversation_key(plan.tenant.id, chat.request)
        home = self._memory.model_of(key) if key and self._keep_together else None
        first = None
        if key and self._keep_together and home is None:
            first = first_text(chat.request)
        goes_on = home is not None or first is not None
        if limit is None and not goes_on:
            return None
        specs = [directory.specs[model] for model in candidates]
        saves = any(spec.price.cache_discount_usd for spec in specs)
        if limit is None and not saves:
            return None
        return RequestTerms(
            prompt_tokens=plan.prompt.tokens,
            prices=tuple(spec.price for spec in specs),
            max_cost_usd=limit,
            home=home,
            first_text=first,
            n_answers=answer_size(chat, plan.prompt).n,
        )


def _unrouted(plan: Plan, chat: Chat, directory: Directory) -> tuple[str, ...]:
    """What may answer while routing fails: the model that the client named and no
    other, else the default model and the other candidates.

    Without a profile there is no expected cost to hold against `max_cost_usd`: only
    what costs less at worst is within it, which may be none.
    """
    named = plan.fixed_model
    models = _default_first(plan) if named is None else (named,)
    limit = chat.request.routing.max_cost_usd
    if limit is None:
        return models
    answer = answer_size(chat, plan.prompt)
    return tuple(
        model
        for model in models
        if _surely_within(limit, directory.specs[model], plan.prompt, answer)
    )


def _not_within(error: BaseException, limit: float | None) -> ServingError:
    param, most = "routing.max_cost_usd", f"{limit:g} USD" if limit else "that"
    if isinstance(error, NotProfiled):
        what = f"{error.message} At worst, none costs at most {most}."
        return InvalidRequest(what, param=param, code="no_candidate_model")
    what = "Routing fails at the moment, and without it no model can be said to cost "
    return RoutingUnavailable(f"{what}at most {most}.", param=param, retry_after_s=1.0)


def _surely_within(
    limit: float, spec: ModelSpec, prompt: PromptSize, answer: AnswerSize
) -> bool:
    longest = answer.longest or spec.max_output_tokens
    if longest is None:
        return False
    worst_usd = spec.price.worst_usd(prompt.tokens, answer.tokens(longest))
    return worst_usd is not None and worst_usd <= limit


def _default_first(plan: Plan) -> tuple[str, ...]:
    """In the catalog's order behind it; it may be no candidate of this request."""
    default = plan.tenant.default_model
    if default in plan.candidates:
        return (default, *(m for m in plan.candidates if m != default))
    return plan.candidates
