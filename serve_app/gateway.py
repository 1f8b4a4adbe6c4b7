"""The Gateway: everything between a checked request and its answer, without Ray."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from artifacts.manifest import Manifest
from artifacts.policy import RoutingDecision
from deployments.backends.breaker import Breakers
from deployments.catalog import ModelSpec
from deployments.errors import RoutingUnavailable, ServingError
from deployments.limits.ledger_protocol import BudgetState
from deployments.protocol.routing import (
    ArtifactRef,
    Explanation,
    RouteQuery,
    RouterLike,
    decided,
)
from deployments.store.snapshot import Snapshot
from deployments.tenancy import TenantConfig
from serve_app.access.admission import Admission
from serve_app.access.budget_warning import budget_warning
from serve_app.access.holdings import Holdings
from serve_app.access.reading import Reading, reading
from serve_app.access.request_size import PromptSize
from serve_app.access.tenants import Directory, Tenant
from serve_app.access.ticket import Ticket
from serve_app.answering.answer_size import answer_size
from serve_app.answering.call import BackendPort
from serve_app.answering.chat import Chat
from serve_app.answering.choosing import Chooser
from serve_app.answering.completion import Completions
from serve_app.answering.planning import Asked, Plan, make_plan
from serve_app.answering.recording import Sink
from serve_app.config import AppConfig
from serve_app.live_directory import LiveDirectory
from serve_app.observing.observer import Observer

# What a readiness check routes; short, so that it is soon in the Embedder's cache.
_PROBE = "ready?"


class Gateway:
    """Authenticates, plans, routes and answers."""

    def __init__(  # noqa: PLR0913  (its collaborators)
        self,
        config: AppConfig,
        router: RouterLike,
        backends: Mapping[str, BackendPort],
        sink: Sink | None = None,
        holdings: Holdings | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self.observer = observer or Observer(max_tenants=config.metrics.max_tenants)
        self._router = router
        self._backends = backends
        self._live = LiveDirectory(config, backends.keys())
        self.limits = config.limits
        self.cors_origins = config.cors_origins
        self.breakers = Breakers(config.breaker)
        self._sink = sink
        self._warnings: Mapping[str, str] = {}
        self._admission = Admission(
            holdings, unpriced_usd=config.limits.unpriced_usd, clock=time.time
        )
        self._chooser = Chooser(
            self._decide,
            timeout_s=config.limits.route_timeout_s,
            conversations=config.conversations,
        )
        self.completions = self._make_completions()

    def _make_completions(self) -> Completions:
        return Completions(
            self._chooser,
            self._port,
            self.breakers,
            self._config.retries,
            request_timeout_s=self.limits.request_timeout_s,
            admission=self._admission,
            sink=self._sink,
        )

    @property
    def accounts_version(self) -> int:
        """Of the accounts that were taken last; 0 before."""
        return self._live.version

    def take(self, snapshot: Snapshot) -> None:
        """Tenants and tiers of the store, from the next request on.

        It takes a while where there are many: it may be called in another thread.
        """
        self._live.take(snapshot)

    @property
    def directory(self) -> Directory:
        """Tenants, tiers and models as they are now; one request keeps one view."""
        return self._live.current

    @property
    def only_warned(self) -> list[TenantConfig]:
        """Tenants of the configuration that have a soft budget and no other."""
        return self._live.only_warned

    def warn(self, budgets: Sequence[BudgetState]) -> None:
        """These tenants have spent their soft budgets; nobody else has."""
        self._warnings = {each.tenant: budget_warning(each) for each in budgets}

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Live settings over the configured ones; ValueError leaves all as it was."""
        self._live.apply(changes)

    def plan(
        self, directory: Directory, tenant: Tenant, chat: Chat, asked: Asked
    ) -> Plan:
        """What may answer this request, by the view that its tenant is of."""
        surfaces_of = self._config.surfaces_of
        return make_plan(directory, tenant, chat, asked, surfaces_of)

    async def admit(self, plan: Plan, chat: Chat) -> Ticket:
        """Reserve what a request draws on; RateLimited if there is none left.

        Overloaded if its usage could not be recorded.
        """
        if self._sink is not None:
            self._sink.check()
        ticket = await self._admission.admit(
            plan.tenant,
            plan.prompt,
            answer_size(chat, plan.prompt),
            configured=self._live.configures(plan.tenant.id),
        )
        self._admission.foresee(ticket)
        if warning := self._warnings.get(plan.tenant.id):
            ticket.headers["x-budget-warning"] = warning
        return ticket

    def reading(
        self, tenant: Tenant, prompt: PromptSize
    ) -> AbstractAsyncContextManager[Reading]:
        """While a request is read that no model answers; RateLimited as `admit`."""
        configured = self._live.configures(tenant.id)
        return reading(self._admission, tenant, prompt, configured=configured)

    async def explain(
        self, directory: Directory, plan: Plan, chat: Chat
    ) -> tuple[Explanation, float]:
        """The decision without the answer, and why; how many seconds that took.

        RoutingUnavailable after the time in which a request would get no decision.
        """
        start = time.perf_counter()
        query = self._chooser.query(plan, chat, directory)
        try:
            async with asyncio.timeout(self.limits.route_timeout_s):
                explanation = await self._router.explain(query)
        except TimeoutError:
            what = "The router did not answer in time."
            raise RoutingUnavailable(what, retry_after_s=1.0) from None
        return explanation, time.perf_counter() - start

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """What an artifact says of itself; InvalidRequest if it cannot be used."""
        return await self._router.describe(ref, anew=anew)

    async def ready(self) -> bool:
        """Whether the whole decision path answers; Overloaded if no usage is kept."""
        if self._sink is not None:
            self._sink.check()
        try:
            async with asyncio.timeout(self.limits.route_timeout_s):
                await self._router.route([RouteQuery(_PROBE, alpha=1.0)])
        except (TimeoutError, ServingError):
            return False
        return True

    def backend_of(self, spec: ModelSpec) -> str:
        """The name of the backend that answers for a model."""
        return self._config.backend_of(spec)

    def _port(self, view: Directory, model: str) -> BackendPort:
        port: BackendPort | None = view.kept.get(model)
        if port is None:
            backend = self.backend_of(view.specs[model])
            port = view.kept[model] = self._backends[backend]
        return port

    async def _decide(self, query: RouteQuery) -> RoutingDecision:
        start = time.perf_counter()
        try:
            return decided((await self._router.route([query])).decisions[0])
        finally:
            self.observer.metrics.routed(time.perf_counter() - start)
