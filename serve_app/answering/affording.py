"""Which model is asked next: the next one that the budget covers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployments.catalog import ModelSpec
from deployments.errors import ServingError
from serve_app.access.admission import Admission
from serve_app.answering.answer_size import answer_size
from serve_app.answering.attempts import Attempt, Attempts
from serve_app.answering.call import BackendOf, BackendPort, Call
from serve_app.answering.metering import Meter


@dataclass(frozen=True, slots=True)
class Affording:
    """Reserves what the next attempt of a call may cost at worst."""

    call: Call
    attempts: Attempts
    meter: Meter
    backend_of: BackendOf
    admission: Admission

    async def next(self) -> Attempt:
        """The next attempt that the budget covers, whatever it costs at worst."""
        call = self.call
        refused = False
        while True:
            try:
                attempt = self.attempts.next()
            except ServingError:
                untried = refused and not self.attempts.tried
                if untried and not await self._covers_one_left_alone():
                    raise self.admission.over_budget(call.ticket) from None
                raise
            worst_usd = self._worst_usd(attempt.model)
            # Without a budget nobody asks for it: counting the tokens is saved.
            if call.ticket.budget is None or await self._afford(worst_usd()):
                self.meter.reserved(worst_usd, call.ticket.money_period)
                return attempt
            refused = True
            self.attempts.over_budget()

    async def _covers_one_left_alone(self) -> bool:
        """Whether the client may come again: a model that has failed too often lately
        is within the budget, though none that was asked for is."""
        for model in self.attempts.left_alone:
            if await self._afford(self._worst_usd(model)()):
                return True
        return False

    def _worst_usd(self, model: str) -> Callable[[], float]:
        """What its answer may cost, counted when that is asked for."""
        call = self.call
        spec, prompt = call.directory.specs[model], call.plan.prompt
        defaults = unstated(self.backend_of(call.directory, model), spec)
        answer = answer_size(call.chat, prompt, defaults)
        return partial(self.admission.worst_usd, spec, prompt, answer)

    async def _afford(self, worst_usd: float) -> bool:
        self.meter.reserved(no_cost)
        return await self.admission.afford(self.call.ticket, worst_usd)


def no_cost() -> float:
    """What is reserved while no model is at work."""
    return 0.0


def unstated(port: BackendPort, spec: ModelSpec) -> dict[str, Any]:
    """What is sent where the client says nothing."""
    return {**port.defaults, **spec.request_defaults}
