"""The Gateway: everything between a checked request and its answer, without Ray."""

import asyncio
import threading
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
from deployments.rollout import Rollout
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
from serve_app.live_settings import (
    LiveSettings,
    refuse_bounds,
    refuse_unknown_backends,
)
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
        self._directory = self._view(config, None)
        self._changing = threading.Lock()
        self._configured = frozenset(tenant.id for tenant in config.tenants)
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
        self.completions = Completions(
            self._chooser,
            self._port,
            self.breakers,
            config.retries,
            request_timeout_s=config.limits.request_timeout_s,
            admission=self._admission,
            sink=sink,
        )

    @property
    def accounts_version(self) -> int:
        """Of the accounts that were taken last; 0 before."""
        snapshot = self._directory.snapshot
        return 0 if snapshot is None else snapshot.version

    def take(self, snapshot: Snapshot) -> None:
        """Tenants and tiers of the store, from the next request on.

        It takes a while where there are many: it may be called in another thread.
        """
        whole = snapshot.onto(self._directory.snapshot)
        with self._changing:
            self._directory = self._view(self._directory.settings, whole)

    @property
    def directory(self) -> Directory:
        """Tenants, tiers and models as they are now; one request keeps one view."""
        return self._directory

    @property
    def only_warned(self) -> list[TenantConfig]:
        """Tenants of the configuration that have a soft budget and no other."""
        return [
            tenant
            for tenant in self._directory.settings.tenants
            if tenant.soft_budget is not None and tenant.max_budget is None
        ]

    def warn(self, budgets: Sequence[BudgetState]) -> None:
        """These tenants have spent their soft budgets; nobody else has."""
        self._warnings = {each.tenant: budget_warning(each) for each in budgets}

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Put `changes` over the configured live settings; ValueError leaves all as
        it was.

        Not over what was applied before: a replica that starts later gets only these.
        """
        configured = self._config.live
        settings = LiveSettings.model_validate({**configured, **changes})
        for spec in settings.catalog.models:
            if self.backend_of(spec) not in self._backends:
                what = f"catalog.models.{spec.id}: its backend {spec.backend!r}"
                raise ValueError(f"{what} is not deployed; that takes a restart")
        refuse_unknown_backends(settings, self._config.backends.names)
        if self._config.database is None:
            refuse_bounds(settings)
        elif settings.rollout != Rollout():
            raise ValueError("rollout: with a database the admin API sets it")
        with self._changing:
            self._directory = self._view(settings, self._directory.snapshot)
        self._configured = frozenset(tenant.id for tenant in settings.tenants)

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
            configured=plan.tenant.id in self._configured,
        )
        self._admission.foresee(ticket)
        if warning := self._warnings.get(plan.tenant.id):
            ticket.headers["x-budget-warning"] = warning
        return ticket

    def reading(
        self, tenant: Tenant, prompt: PromptSize
    ) -> AbstractAsyncContextManager[Reading]:
        """While a request is read that no model answers; RateLimited as `admit`."""
        configured = tenant.id in self._configured
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

    def _view(self, settings: LiveSettings, snapshot: Snapshot | None) -> Directory:
        awaited = snapshot is None and self._config.database is not None
        return Directory(settings, snapshot=snapshot, awaited=awaited)

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
