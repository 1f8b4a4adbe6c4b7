"""Answering one request: choose, ask a backend, fall back, record.

Knows nothing of HTTP and nothing of Ray.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial

from artifacts.policy import RoutingDecision
from deployments.backends.breaker import Breakers
from deployments.backends.patience import Patience
from deployments.catalog import Timeouts
from deployments.errors import ServingError, UpstreamError
from deployments.protocol import Answer, BackendRequest, Ending, Item, Settlement
from serve_app.access.admission import Admission
from serve_app.answering.attempts import Attempts, Bounds, Failure, RetryPolicy
from serve_app.answering.choosing import Cause, Chooser
from serve_app.answering.metering import Meter, Sink
from serve_app.answering.received import Received
from serve_app.answering.run import BackendOf, BackendPort, Call, Run, breaker_key
from serve_app.answering.shadowed import Shadowed

# A backend keeps its own timeouts; only one that is stuck itself needs this much more.
_GRACE_S = 5.0

Frames = AsyncIterator[bytes | Settlement]


@dataclass(frozen=True, slots=True)
class Answered:
    """Who answered."""

    model: str
    backend: str
    cause: Cause
    alpha: float
    artifact_id: str | None
    failures: tuple[Failure, ...]  # models tried before, or passed over, in order
    decision: RoutingDecision | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A stream whose first frame has arrived: the headers can go out."""

    answered: Answered
    frames: Frames
    received: Received


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

    async def complete(self, call: Call) -> tuple[Answer, Answered]:
        """A whole answer; raises the last model's error if all that were tried fail."""
        run = await self._begin(call)
        with _recorded(run):
            return await _first_answer(run)

    async def start_stream(self, call: Call) -> Started:
        """A stream from the first model that begins to answer."""
        run = await self._begin(call)
        with _recorded(run):
            return await _first_stream(run)

    async def _begin(self, call: Call) -> Run:
        meter = Meter(
            self._sink,
            call.plan,
            call.chat,
            call.request_id,
            replica=self._admission.replica,
            on_correction=self._admission.corrected,
        )
        bounds = Bounds(time.monotonic() + self._request_timeout_s)
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
            choice.models, self._retries, self._breakers, bounds, key_of=key_of
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


@contextmanager
def _recorded(run: Run) -> Iterator[None]:
    """Whatever ends the run early is recorded, and what it holds is free again."""
    try:
        yield
    except ServingError as error:
        run.given_up(error)
        raise
    except asyncio.CancelledError:
        run.cancelled()
        raise
    except Exception:
        run.given_up(ServingError("An error of ours."))
        raise


async def _first_answer(run: Run) -> tuple[Answer, Answered]:
    while True:
        port, request = await run.next()
        try:
            async with asyncio.timeout(request.timeouts.total_s + _GRACE_S):
                answer = await port.backend.complete(request)
        except TimeoutError:
            run.failed(port, request, _stuck(port))
        except ServingError as error:
            run.failed(port, request, error)
        else:
            run.began(port, request)
            run.finished(port, request, answer.settlement)
            return answer, _answered(run, port, request)


async def _first_stream(run: Run) -> Started:
    while True:
        port, request = await run.next()
        patience = Patience(_with_grace(request.timeouts))
        frames = port.backend.stream(request)
        try:
            async with asyncio.timeout_at(patience.until):
                first = await anext(frames)
        except TimeoutError:
            run.failed(port, request, _stuck(port))
        except StopAsyncIteration:
            empty = UpstreamError("The upstream's answer is empty.")
            run.failed(port, request, empty)
        except ServingError as error:
            run.failed(port, request, error)
        else:
            run.began(port, request)
            received = Received()
            items = _paced(first, frames, patience, port)
            asked = port, request
            followed = _followed(run, asked, received, items)
            # From here on it ends with a record, though nobody may come to read it.
            await anext(followed)
            return Started(_answered(run, port, request), followed, received)


async def _followed(
    run: Run,
    asked: tuple[BackendPort, BackendRequest],
    received: Received,
    items: Frames,
) -> Frames:
    """A stream passed on, and its end recorded, whatever it is.

    The first item is empty: a generator that was never begun cannot be closed.
    """
    finished = False
    try:
        async with aclosing(items):  # type: ignore[type-var]
            yield b""
            async for item in items:
                if isinstance(item, Settlement):
                    run.finished(*asked, item)
                    finished = True
                else:
                    received.add(item)
                yield item
    except ServingError as error:
        run.broke_off(*asked, received, error)
        raise
    except Exception:
        run.broke_off(*asked, received, ServingError("An error of ours."))
        raise
    except (asyncio.CancelledError, GeneratorExit):
        if not finished:
            run.broke_off(*asked, received, None)
        raise


async def _paced(
    first: Item, frames: AsyncIterator[Item], patience: Patience, port: BackendPort
) -> Frames:
    """All items; UpstreamError if the backend is stuck or leaves out the settlement."""
    seen = 1
    item = first
    async with aclosing(frames):  # type: ignore[type-var]
        while True:
            if isinstance(item, Ending):
                yield item.frame
                item = item.settlement
            yield item
            if isinstance(item, Settlement):
                return
            patience.saw(seen)
            try:
                async with asyncio.timeout_at(patience.until):
                    item = await anext(frames)
            except TimeoutError:
                raise _stuck(port) from None
            except StopAsyncIteration:
                raise UpstreamError("The answer ended without its usage.") from None
            seen += 1


def _with_grace(timeouts: Timeouts) -> Timeouts:
    more = timeouts.connect_s + _GRACE_S
    return Timeouts(
        connect_s=timeouts.connect_s,
        first_token_s=timeouts.first_token_s + more,
        between_tokens_s=timeouts.between_tokens_s + more,
        total_s=timeouts.total_s + more,
    )


def _stuck(port: BackendPort) -> UpstreamError:
    return UpstreamError(f"The backend {port.name} does not answer.", code="stuck")


def _answered(run: Run, port: BackendPort, request: BackendRequest) -> Answered:
    decision = run.choice.decision
    return Answered(
        model=request.model,
        backend=port.name,
        cause=run.choice.cause,
        alpha=run.call.plan.alpha,
        artifact_id=decision.artifact_id if decision else None,
        failures=tuple(run.attempts.failures),
        decision=decision,
    )
