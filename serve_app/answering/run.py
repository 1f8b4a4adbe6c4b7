"""One request's way from model to model: what is asked of whom, what is recorded."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TypeGuard

from deployments.errors import InvalidRequest, ServingError, generation_of
from deployments.protocol.backend import (
    PROMPT_FIELDS,
    BackendRequest,
    Settlement,
)
from serve_app.access.admission import Admission
from serve_app.answering.affording import Affording
from serve_app.answering.asking import Asking, asking, is_hurried
from serve_app.answering.attempts import Attempts
from serve_app.answering.call import BackendOf, BackendPort, Call
from serve_app.answering.charges import ask_later, ask_of_failure
from serve_app.answering.chat import Chat
from serve_app.answering.choosing import Choice, Chooser
from serve_app.answering.failure import REASONING_REFUSED
from serve_app.answering.metering import Meter
from serve_app.answering.received import Received
from serve_app.answering.thoughts import without_thoughts

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Run:
    """What accompanies a call from its first model to the end of its answer.

    `asked`: who is asked what at the moment. A model that refuses the request is asked
    once more without the reasoning that came back in it: who has thought it may be
    another, and each upstream has words of its own for what it cannot read.
    """

    call: Call
    choice: Choice
    attempts: Attempts
    meter: Meter
    backend_of: BackendOf
    chooser: Chooser
    admission: Admission
    asked: Asking | None = None
    # What each model had to say that was asked without the reasoning then.
    _refusals: dict[str, InvalidRequest] = field(default_factory=dict)

    async def next(self) -> Asking:
        """Whom to ask what, after the pause that is due; raises if it is given up."""
        self.asked = None
        attempt = await self._affording.next()
        wait_s = attempt.wait_s
        while wait_s:
            await asyncio.sleep(wait_s)
            wait_s = self.attempts.resumed()
        self.asked = asking(
            self.call,
            self._chat_for(attempt.model),
            self.backend_of,
            attempt.model,
            self.attempts.time_left_s,
        )
        return self.asked

    def failed(
        self, port: BackendPort, request: BackendRequest, error: ServingError
    ) -> None:
        """The model that was asked failed before its first byte."""
        if ask := ask_of_failure(port, request, error):
            self.meter.owes(ask)
        if error.param == PROMPT_FIELDS["chat/completions"]:  # backends know no other
            error.param = PROMPT_FIELDS[request.surface]
        model = request.model
        if _is_refusal(error):
            if model not in self._refusals and without_thoughts(self.call.chat):
                self._refusals[model] = error
                self.attempts.again(REASONING_REFUSED)
                logger.info("model %s is asked again without reasoning", model)
                return
            # The first was about the request as the client knows it.
            error = self._refusals.get(model, error)
        self.attempts.failed(error, hurried=is_hurried(self.call, request))
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
            self.meter.nothing_reserved()
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
            self.attempts.broke(error, hurried=is_hurried(self.call, request))
        so_far = received.settled(error, request, self.call.plan.prompt)
        said = so_far.cost_source == "upstream"
        self.meter.broke_off(
            self.attempts.failures,
            so_far,
            error=None if error is None else error.code or error.error_type,
            ask=None if said else ask_later(port, request, received.generation_id),
            release=self.admission.leave_owing(self.call.ticket, so_far),
        )
        self._ended(error=error)

    @property
    def _affording(self) -> Affording:
        return Affording(
            self.call, self.attempts, self.meter, self.backend_of, self.admission
        )

    def _chat_for(self, model: str) -> Chat:
        chat = self.call.chat
        return (without_thoughts(chat) or chat) if model in self._refusals else chat

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


def _is_refusal(error: ServingError) -> TypeGuard[InvalidRequest]:
    """Whether the request itself is refused, not one that another model may take."""
    return type(error) is InvalidRequest
