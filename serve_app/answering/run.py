"""One request's way from model to model: what is asked of whom, what is recorded."""

import asyncio
import logging
from dataclasses import dataclass

from deployments.catalog import Timeouts
from deployments.errors import ServingError, generation_of
from deployments.protocol.backend import BackendRequest, Settlement
from serve_app.access.admission import Admission
from serve_app.answering.affording import Affording, no_cost, unstated
from serve_app.answering.attempts import Attempts
from serve_app.answering.call import BackendOf, BackendPort, Call
from serve_app.answering.charges import ask_later, ask_of_failure
from serve_app.answering.choosing import Choice, Chooser
from serve_app.answering.metering import Meter
from serve_app.answering.received import Received

logger = logging.getLogger(__name__)

# The least time that an attempt is given, once it is begun at all.
_LEAST_S = 1.0


Asking = tuple[BackendPort, BackendRequest]


@dataclass(slots=True)
class Run:
    """What accompanies a call from its first model to the end of its answer.

    `asked`: who is asked what at the moment.
    """

    call: Call
    choice: Choice
    attempts: Attempts
    meter: Meter
    backend_of: BackendOf
    chooser: Chooser
    admission: Admission
    asked: Asking | None = None

    async def next(self) -> Asking:
        """Whom to ask what, after the pause that is due; raises if it is given up."""
        self.asked = None
        attempt = await self._affording().next()
        wait_s = attempt.wait_s
        while wait_s:
            await asyncio.sleep(wait_s)
            wait_s = self.attempts.resumed()
        call = self.call
        spec = call.directory.specs[attempt.model]
        port = self.backend_of(call.directory, attempt.model)
        defaults = unstated(port, spec)
        request = BackendRequest(
            request_id=call.request_id,
            model=attempt.model,
            upstream_model=spec.upstream_model,
            body=call.chat.upstream_body(spec.upstream_model, defaults),
            price=spec.price,
            timeouts=self._in_time(spec.timeouts),
            surface=call.chat.surface,
            secret=call.plan.tenant.byok.get(port.name),
            traceparent=call.watch.traceparent,
        )
        self.asked = port, request
        return self.asked

    def failed(
        self, port: BackendPort, request: BackendRequest, error: ServingError
    ) -> None:
        """The model that was asked failed before its first byte."""
        self.attempts.failed(error, hurried=self._hurried(request))
        if ask := ask_of_failure(port, request, error):
            self.meter.owes(ask)
        logger.warning("model %s failed: %s", error.model, error.code)

    def began(self, port: BackendPort, request: BackendRequest) -> None:
        """The first byte of an answer is here."""
        self.attempts.began()
        self.chooser.answered(self.choice, request.model)
        self.meter.began(request.model, port.name)

    def finished(
        self, port: BackendPort, request: BackendRequest, settlement: Settlement
    ) -> None:
        """The answer is complete."""
        self.attempts.finished()
        said = settlement.cost_source == "upstream"
        ask = None if said else ask_later(port, request, settlement.generation_id)
        self.admission.leave(self.call.ticket, settlement)
        self.meter.answered(settlement, self.attempts.failures, ask)
        self._ended(settlement=settlement)

    def given_up(self, error: ServingError) -> None:
        """No model has answered."""
        self.attempts.abandoned()  # of one that could not even be asked
        self.admission.leave(self.call.ticket, None)
        self.meter.failed(error, self.attempts.failures)
        self._ended(error=error)

    def cancelled(self, error: asyncio.CancelledError) -> None:
        """The client went away before the first byte."""
        self.attempts.abandoned()
        nothing = Settlement(None, None, "unknown")
        if self.asked is None:  # between two attempts: no model is at work
            self.meter.reserved(no_cost)
            self.admission.leave(self.call.ticket, None)
        else:
            self.admission.leave(self.call.ticket, nothing)
        ask = ask_later(*self.asked, generation_of(error)) if self.asked else None
        self.meter.broke_off(self.attempts.failures, nothing, error=None, ask=ask)
        self._ended()

    def broke_off(
        self,
        port: BackendPort,
        request: BackendRequest,
        received: Received,
        error: ServingError | None,
    ) -> None:
        """The answer ended early: by an error, or (None) because the client is gone."""
        if error is None:
            self.attempts.abandoned()
        else:
            self.attempts.broke(error, hurried=self._hurried(request))
        so_far = received.settled(error, request.price, self.call.plan.prompt)
        said = so_far.cost_source == "upstream"
        self.meter.broke_off(
            self.attempts.failures,
            so_far,
            error=None if error is None else error.code or error.error_type,
            ask=None if said else ask_later(port, request, received.generation_id),
            release=self.admission.leave_owing(self.call.ticket, so_far),
        )
        self._ended(error=error)

    def _ended(
        self, settlement: Settlement | None = None, error: ServingError | None = None
    ) -> None:
        self.call.watch.ended(
            self.call,
            self.meter.record,
            self.attempts.failures,
            settlement=settlement,
            error=error,
        )

    def _affording(self) -> Affording:
        return Affording(
            self.call, self.attempts, self.meter, self.backend_of, self.admission
        )

    def _hurried(self, request: BackendRequest) -> bool:
        """Whether it had less time than its model may take to begin."""
        own = self.call.directory.specs[request.model].timeouts
        return request.timeouts.total_s < min(own.first_token_s, own.total_s)

    def _in_time(self, timeouts: Timeouts) -> Timeouts:
        """An attempt may not take longer than what is left of the request's time."""
        left_s = max(_LEAST_S, self.attempts.time_left_s)
        if timeouts.total_s <= left_s:
            return timeouts
        return timeouts.model_copy(update={"total_s": left_s})
