"""Letting a request in: limits first, then a reservation of what it may cost at worst.

Requests, tokens and parallel requests are reserved once, when the request comes; money
for each model that is asked, because each has its price. Nothing here waits for SQL;
where a lease at hand is enough, nothing waits at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deployments.catalog import ModelSpec
from deployments.errors import RateLimited, ServingError
from deployments.ledger_protocol import Kind, Resource
from deployments.protocol import Settlement
from serve_app.holdings import Holding, Holdings
from serve_app.prompt_size import PromptSize
from serve_app.tenants import Tenant

_HEADERS: dict[Kind, str] = {"rpm": "requests", "tpm": "tokens"}
# Of an answer whose length neither request nor catalog bounds.
_LONGEST_ANSWER = 32_768


@dataclass(slots=True)
class Ticket:
    """What one request has reserved."""

    reserved: list[tuple[Resource, float]] = field(default_factory=list)
    budget: Resource | None = None
    budget_usd: float = 0.0  # reserved for the model that is being asked
    headers: dict[str, str] = field(default_factory=dict)


class Admission:
    """Admits the requests of one replica; `holdings` None: there are no limits."""

    def __init__(
        self,
        holdings: Holdings | None,
        *,
        unpriced_usd: float,
        clock: Callable[[], float],
    ) -> None:
        self._holdings = holdings
        self._unpriced_usd = unpriced_usd
        self._clock = clock

    @property
    def replica(self) -> str:
        """Who holds the leases, as usage records name him; "" if there are none."""
        return "" if self._holdings is None else self._holdings.replica

    async def admit(
        self, tenant: Tenant, prompt: PromptSize, output_tokens: int | None
    ) -> Ticket:
        """Reserve a request, its tokens and a place; RateLimited if there is none."""
        ticket = Ticket()
        if self._holdings is None:
            return ticket
        tokens = 0.0
        try:
            for resource in _limits_of(tenant):
                amount = 1.0
                if resource.kind == "tpm":
                    tokens = tokens or float(prompt.tokens + (output_tokens or 0))
                    amount = tokens
                await self._take(ticket, resource, amount)
        except ServingError:
            self.leave(ticket, None)
            raise
        if tenant.config is not None and tenant.config.max_budget is not None:
            ticket.budget = Resource("budget", tenant.id)
        return ticket

    async def afford(self, ticket: Ticket, worst_usd: float) -> bool:
        """Reserve what the next model may cost, in the place of the last one."""
        if ticket.budget is None or self._holdings is None:
            return True
        self._free_budget(ticket, 0.0)
        if not await self._holdings.reserve(ticket.budget, worst_usd):
            return False
        ticket.budget_usd = worst_usd
        return True

    def over_budget(self, ticket: Ticket) -> RateLimited:
        """What a client is told whose budget does not cover any model."""
        assert self._holdings is not None
        assert ticket.budget is not None
        holding = self._holdings.of(ticket.budget)
        left = max(0.0, holding.left + holding.part.free)
        whole = holding.capacity or 0.0
        message = f"Of the budget of {whole:.2f} USD {left:.6f} are left"
        message += f"{_until(holding)}: less than any model may cost."
        return RateLimited(
            message,
            code="insufficient_quota",
            error_type="insufficient_quota",
            retry_after_s=self._wait_s(holding),
        )

    def leave(self, ticket: Ticket, settlement: Settlement | None) -> None:
        """The request has ended: settle what was reserved; None = nothing was used."""
        if self._holdings is None:
            return
        usage = settlement.usage if settlement else None
        for resource, amount in ticket.reserved:
            used = amount
            if resource.kind == "parallel" or (
                resource.kind == "tpm" and settlement is None
            ):
                used = 0.0
            elif resource.kind == "tpm" and usage is not None:
                used = float(usage.total_tokens)
            self._holdings.settle(resource, amount, used)
        ticket.reserved.clear()
        cost_usd = settlement.cost_usd if settlement else 0.0
        # What is unknown counts as the worst, as it does with the Ledger.
        self._free_budget(ticket, ticket.budget_usd if cost_usd is None else cost_usd)

    def corrected(self, tenant_id: str, by_usd: float) -> None:
        """A record of this replica was corrected after its request had ended."""
        if self._holdings is not None:
            self._holdings.settle(Resource("budget", tenant_id), 0.0, by_usd)

    def worst_usd(
        self, spec: ModelSpec, prompt: PromptSize, output_tokens: int | None
    ) -> float:
        """What an answer of a model may cost at worst."""
        longest = output_tokens or spec.max_output_tokens or _LONGEST_ANSWER
        cost_usd = spec.price.cost_usd(prompt.tokens, longest)
        return self._unpriced_usd if cost_usd is None else cost_usd

    def _free_budget(self, ticket: Ticket, used_usd: float) -> None:
        if ticket.budget is not None and self._holdings is not None:
            self._holdings.settle(ticket.budget, ticket.budget_usd, used_usd)
            ticket.budget_usd = 0.0

    async def _take(self, ticket: Ticket, resource: Resource, amount: float) -> None:
        assert self._holdings is not None
        granted = await self._holdings.reserve(resource, amount)
        holding = self._holdings.of(resource)
        if holding.capacity is None:
            return
        if not granted:
            raise _limited(resource, holding, amount, self._wait_s(holding))
        ticket.reserved.append((resource, amount))
        if name := _HEADERS.get(resource.kind):
            remaining = max(0, int(holding.left + holding.part.free))
            ticket.headers |= {
                f"x-ratelimit-limit-{name}": f"{holding.capacity:.0f}",
                f"x-ratelimit-remaining-{name}": str(remaining),
                f"x-ratelimit-reset-{name}": "60s" if remaining == 0 else "1s",
            }

    def _wait_s(self, holding: Holding) -> float | None:
        if holding.resets_at is None:
            return 1.0
        return max(1.0, holding.resets_at - self._clock())


def _limits_of(tenant: Tenant) -> list[Resource]:
    """The allowances that a request of this key draws on."""
    found: list[Resource] = []
    for limits, key_id in ((tenant.config, None), (tenant.key, tenant.key_id)):
        if limits is None:
            continue
        if limits.rpm_limit is not None:
            found.append(Resource("rpm", tenant.id, key_id))
        if limits.tpm_limit is not None:
            found.append(Resource("tpm", tenant.id, key_id))
        if limits.max_parallel_requests is not None:
            found.append(Resource("parallel", tenant.id, key_id))
    return found


def _limited(
    resource: Resource, holding: Holding, amount: float, wait_s: float | None
) -> RateLimited:
    whose = "this key" if resource.key_id else "this tenant"
    what = {
        "rpm": "requests per minute",
        "tpm": "tokens per minute",
        "parallel": "requests at a time",
    }[resource.kind]
    message = f"The limit of {whose} is reached: {holding.capacity:.0f} {what}."
    if resource.kind == "tpm" and amount > (holding.capacity or 0):
        message += f" This request alone asks for up to {amount:.0f}."
    return RateLimited(message, retry_after_s=wait_s)


def _until(holding: Holding) -> str:
    if holding.resets_at is None:
        return ""
    when = datetime.fromtimestamp(holding.resets_at, UTC)
    return f" until {when:%Y-%m-%d %H:%M} UTC"
