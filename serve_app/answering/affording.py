"""The next model to be asked that the budget covers, whatever it costs at worst."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from deployments.errors import ServingError
from serve_app.access.admission import Admission
from serve_app.answering.answer_size import answer_size
from serve_app.answering.asking import defaults_of
from serve_app.answering.attempts import Attempts
from serve_app.answering.call import BackendOf, Call
from serve_app.answering.metering import Meter
from serve_app.answering.needs import needed_capabilities
from serve_app.answering.trial import Attempt


@dataclass(frozen=True, slots=True)
class Affording:
    """Reserves of one request's budget what each model that is tried may cost."""

    call: Call
    attempts: Attempts
    meter: Meter
    backend_of: BackendOf
    admission: Admission

    async def next(self) -> Attempt:
        """Raises what the client is to be told if nothing more is tried."""
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
        defaults = defaults_of(self.backend_of(call.directory, model), spec)
        answer = answer_size(call.chat, prompt, defaults)
        if "audio" in spec.capabilities and "audio" in needed_capabilities(
            call.chat.request
        ):
            # Nobody can count its tokens, and they have a price of their own.
            answer = replace(answer, extras=True)
        return partial(self.admission.worst_usd, spec, prompt, answer)

    async def _afford(self, worst_usd: float) -> bool:
        self.meter.nothing_reserved()
        return await self.admission.afford(self.call.ticket, worst_usd)
