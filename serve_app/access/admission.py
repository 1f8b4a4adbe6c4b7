"""Letting a request in: limits first, then a reservation of what it may cost at worst.

Requests, tokens and parallel requests are reserved once, when the request comes; money
for each model that is asked, because each has its price. Where a lease at hand is
enough, nothing waits; else the Ledger is asked, which writes down what it leases of a
budget before it does.
"""

from collections.abc import Callable
from functools import partial

from deployments.catalog import ModelSpec
from deployments.errors import RateLimited
from deployments.limits.ledger_protocol import Resource
from deployments.protocol.backend import Settlement
from deployments.usage.record import UsageRecord
from serve_app.access.holding import Holding
from serve_app.access.holdings import Holdings
from serve_app.access.limit_errors import insufficient_quota, limit_reached
from serve_app.access.limit_headers import NAMES, tell_left
from serve_app.access.request_limits import limits_of, wants
from serve_app.access.request_size import AnswerSize, PromptSize
from serve_app.access.tenants import Tenant
from serve_app.access.ticket import Ticket

# Of an answer whose length neither request nor catalog bounds.
_LONGEST_ANSWER = 32_768
_LEAST_USD = 1e-9  # what the store can tell from nothing
# OpenRouter searches the web for each answer of such a model, and charges for it.
_SEARCHING = ":online"


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
        self,
        tenant: Tenant,
        prompt: PromptSize,
        answer: AnswerSize,
        *,
        configured: bool = False,
    ) -> Ticket:
        """Reserve a request, its tokens and a place; RateLimited if there is none.

        `configured`: the tenant is one of the configuration, which the Ledger may not
        know as it is now.
        """
        ticket = Ticket(terms=tenant.config if configured else None)
        if self._holdings is None:
            return ticket
        try:
            # What a key's limits refuse never touches what all keys share.
            for limits in limits_of(tenant):
                wanted = wants(limits, prompt, answer)
                self._holdings.fetch(wanted, limits, ticket.terms)
                for resource, amount in wanted.items():
                    await self._take(ticket, resource, amount, limits[resource])
        except BaseException:  # the client may be gone, too
            # It was not let in: what it drew of other limits is not theirs to lose.
            for reservation in ticket.reserved:
                self._holdings.settle(reservation, 0.0)
            raise
        if tenant.config.max_budget is not None:
            ticket.budget = Resource("budget", tenant.id)
            ticket.max_budget = tenant.config.max_budget
        return ticket

    def foresee(self, ticket: Ticket) -> None:
        """Begin to ask for some of the budget: models are chosen meanwhile, and what
        they cost is not known before."""
        if ticket.budget is not None and self._holdings is not None:
            limits = {ticket.budget: ticket.max_budget}
            self._holdings.fetch({ticket.budget: _LEAST_USD}, limits, ticket.terms)

    async def afford(self, ticket: Ticket, worst_usd: float) -> bool:
        """Reserve what the next model may cost, in the place of the last one."""
        if ticket.budget is None or self._holdings is None:
            return True
        self._settle_money(ticket, 0.0)
        if worst_usd <= 0:
            return True  # what is free is never over the budget
        ticket.money = await self._holdings.reserve(
            ticket.budget, worst_usd, ticket.terms, limit=ticket.max_budget
        )
        return ticket.money is not None

    def over_budget(self, ticket: Ticket) -> RateLimited:
        """What a client is told whose budget does not cover any model."""
        assert self._holdings is not None
        assert ticket.budget is not None
        holding = self._holdings.of(ticket.budget)
        return insufficient_quota(holding, self._wait_s(holding))

    def leave(self, ticket: Ticket, settlement: Settlement | None) -> None:
        """The request has ended: settle what was reserved; None = nothing was used."""
        if self._holdings is None:
            return
        usage = settlement.usage if settlement else None
        for reservation in ticket.reserved:
            used, kind = reservation.amount, reservation.resource.kind
            if kind == "parallel" or (kind == "tpm" and settlement is None):
                used = 0.0
            elif kind == "tpm" and usage is not None:
                used = float(usage.total_tokens)
            self._holdings.settle(reservation, used)
        ticket.reserved.clear()
        self._settle_money(ticket, settlement.cost_usd if settlement else 0.0)

    def leave_owing(self, ticket: Ticket, settlement: Settlement) -> Callable[[], None]:
        """The request has ended, but may cost more than the settlement says: what was
        reserved of the budget stays so until the call that is returned."""
        money, ticket.money = ticket.money, None
        self.leave(ticket, settlement)
        ticket.money = money
        return partial(self._settle_money, ticket, settlement.cost_usd)

    def corrected(self, record: UsageRecord, by_usd: float) -> None:
        """A record of this replica was corrected after its request had ended."""
        if self._holdings is not None:
            budget = Resource("budget", record.tenant)
            self._holdings.correct(budget, record.at, by_usd)

    def worst_usd(
        self, spec: ModelSpec, prompt: PromptSize, answer: AnswerSize
    ) -> float:
        """What the answers of a model may cost at worst; what nobody has a price for
        is reckoned with as the configuration says."""
        written = answer.tokens(spec.max_output_tokens or _LONGEST_ANSWER)
        cost_usd = spec.price.worst_usd(prompt.tokens, written)
        unpriced_usd = answer.n * self._unpriced_usd
        if cost_usd is None:
            return unpriced_usd
        extras = answer.extras or spec.upstream_model.endswith(_SEARCHING)
        return cost_usd + unpriced_usd if extras else cost_usd

    def _settle_money(self, ticket: Ticket, used_usd: float | None) -> None:
        """What is unknown (None) counts as the worst, as it does with the Ledger."""
        money, ticket.money = ticket.money, None
        if money is not None and self._holdings is not None:
            used = money.amount if used_usd is None else used_usd
            self._holdings.settle(money, used)

    async def _take(
        self, ticket: Ticket, resource: Resource, amount: float, limit: float
    ) -> None:
        assert self._holdings is not None
        reservation = await self._holdings.reserve(
            resource, amount, ticket.terms, limit=limit
        )
        holding = self._holdings.of(resource)
        name = NAMES.get(resource.kind)
        if name is not None and holding.capacity is not None:
            tell_left(ticket.headers, name, holding, self._clock())
        if reservation is None:
            wait_s = self._wait_s(holding)
            refused = limit_reached(resource, holding, amount, wait_s)
            refused.headers = ticket.headers
            raise refused
        ticket.reserved.append(reservation)

    def _wait_s(self, holding: Holding) -> float | None:
        if holding.resets_at is None:
            return 1.0
        return max(1.0, holding.resets_at - self._clock())
