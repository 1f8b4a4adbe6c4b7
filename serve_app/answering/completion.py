"""Answering one request: choose, ask a backend, fall back, record.

Knows nothing of HTTP and nothing of Ray.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from deployments.backends.breaker import Breakers
from deployments.errors import ServingError
from deployments.protocol.backend import Answer
from serve_app.access.admission import Admission
from serve_app.answering.answered import Answered, answered
from serve_app.answering.attempts import Attempts
from serve_app.answering.call import BackendOf, Call, breaker_key
from serve_app.answering.choosing import Chooser
from serve_app.answering.config import RetryPolicy
from serve_app.answering.correction import Corrections
from serve_app.answering.metering import Meter
from serve_app.answering.recording import Sink
from serve_app.answering.run import Run
from serve_app.answering.shadowed import Shadowed
from serve_app.answering.streamed import GRACE_S, Started, first_stream, stuck


class Completions:
    """Answers planned requests through the backends."""

    def __init__(  # noqa: PLR0913  (its collaborators)
        self,
        chooser: Chooser,
        backend_of: BackendOf,
        breakers: Breakers,
        retries: RetryPolicy,
        *,
        request_timeout_s: float,
        admission: Admission,
        sink: Sink | None = None,
    ) -> None:
        self._chooser = chooser
        self._backend_of = backend_of
        self._breakers = breakers
        self._retries = retries
        self._request_timeout_s = request_timeout_s
        self._admission = admission
        self._sink = sink
        self.corrections = Corrections()

    async def complete(self, call: Call) -> tuple[Answer, Answered]:
        """A whole answer; raises the last model's error if all that were tried fail."""
        run = await self._begin(call)
        with _recorded(run):
            return await _first_answer(run)

    async def start_stream(self, call: Call) -> Started:
        """A stream from the first model that begins to answer."""
        run = await self._begin(call)
        with _recorded(run):
            return await first_stream(run)

    async def _begin(self, call: Call) -> Run:
        meter = self._meter(call)
        deadline = time.monotonic() + self._request_timeout_s
        try:
            choice = await self._chooser.choose(
                call.plan, call.chat, call.directory, call.watch.traceparent
            )
        except BaseException:
            self._admission.leave(call.ticket, None)
            raise
        shadowed = Shadowed.of(choice.decision, call.directory.specs)
        meter.chosen(choice.cause, choice.decision, shadowed)
        call.watch.chosen(call, choice)
        key_of = partial(breaker_key, call, self._backend_of)
        attempts = Attempts(
            choice.models, self._retries, self._breakers, deadline, key_of=key_of
        )
        return Run(
            call,
            choice,
            attempts,
            meter,
            self._backend_of,
            self._chooser,
            self._admission,
        )

    def _meter(self, call: Call) -> Meter:
        return Meter(
            self._sink,
            call.plan,
            call.chat,
            call.request_id,
            corrections=self.corrections,
            replica=self._admission.replica,
            on_correction=self._admission.corrected,
        )


@contextmanager
def _recorded(run: Run) -> Iterator[None]:
    """Whatever ends the run early is recorded, and what it holds is free again."""
    try:
        yield
    except ServingError as error:
        run.given_up(error)
        raise
    except asyncio.CancelledError as error:
        run.cancelled(error)
        raise
    except Exception:
        run.given_up(ServingError("An error of ours."))
        raise


async def _first_answer(run: Run) -> tuple[Answer, Answered]:
    while True:
        port, request = await run.next()
        try:
            async with asyncio.timeout(request.timeouts.total_s + GRACE_S):
                answer = await port.backend.complete(request)
        except TimeoutError:
            run.failed(port, request, stuck(port))
        except ServingError as error:
            run.failed(port, request, error)
        else:
            run.began(port, request)
            run.finished(port, request, answer.settlement)
            return answer, answered(run, port, request)
