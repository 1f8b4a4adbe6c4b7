"""What Locust runs: users that ask, the shape of the load, the verdict at the end.

Started by scripts/loadtest/run, which puts the settings into the environment; Locust's
own options (`--master`, `--worker`, `--processes`, web UI) apply unchanged.
"""

import logging
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gevent import GreenletExit
from locust import FastHttpUser, events, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.env import Environment
from locust.runners import WorkerRunner

from scripts.loadtest.answer import Streamed, read_stream, unary_problem
from scripts.loadtest.entries import (
    ANSWER,
    FIRST_TOKEN,
    PAUSE,
    REFUSED,
    STREAM,
    UNANSWERED,
    WITHIN,
)
from scripts.loadtest.figures import outcome_of
from scripts.loadtest.judging import broken
from scripts.loadtest.keys import Caller, callers, one_of
from scripts.loadtest.profiles import Profile
from scripts.loadtest.questions import body, questions
from scripts.loadtest.settings import ENDED_EARLY, Settings
from scripts.loadtest.shape import ProfileShape

log = logging.getLogger(__name__)

SETTINGS = Settings.from_environment()
TEXTS = questions(Path(SETTINGS.queries) if SETTINGS.queries else None, SETTINGS.seed)
CALLERS = callers(Path(SETTINGS.keys) if SETTINGS.keys else None)

_PATH = "/v1/chat/completions"
_TOO_MANY = 429


class Shape(ProfileShape):
    """The profile's users."""

    profile = Profile(SETTINGS.profile, SETTINGS.users, SETTINGS.seconds)


class Client(FastHttpUser):
    """Asks, reads the whole answer, thinks, asks again, each time as some tenant."""

    connection_timeout = 10.0
    network_timeout = 120.0

    def on_start(self) -> None:
        """Each user draws for himself, the same in each run."""
        Client.started = getattr(Client, "started", 0) + 1
        index = getattr(self.environment.runner, "worker_index", 0)
        self.draw = random.Random(f"{SETTINGS.seed}/{index}/{Client.started}")

    def wait_time(self) -> float:
        """Exponential: users know nothing of each other."""
        return self.draw.expovariate(1 / SETTINGS.think_s) if SETTINGS.think_s else 0.0

    @task
    def ask(self) -> None:
        """One request. One that Locust ends it does not count: it has waited as long as
        it may, and would be no request at all."""
        caller = one_of(CALLERS, self.draw)
        asked = body(TEXTS, caller.models, SETTINGS.stream_share, self.draw)
        began = time.perf_counter()
        try:
            if asked.get("stream"):
                self._stream(caller, asked)
            else:
                self._answer(caller, asked)
        except GreenletExit:
            self._unanswered(began)
            raise

    def _unanswered(self, began: float) -> None:
        grace_s = self.environment.stop_timeout or 0.0
        self.environment.events.request.fire(
            request_type="POST",
            name=UNANSWERED,
            response_time=(time.perf_counter() - began) * 1e3,
            response_length=0,
            exception=f"not answered {grace_s:g} s after its user was to stop",
        )

    def _answer(self, caller: Caller, asked: dict[str, Any]) -> None:
        with self.client.post(
            _PATH,
            json=asked,
            headers=_headers(caller),
            name=ANSWER,
            catch_response=True,
        ) as response:
            if response.status_code == _TOO_MANY:
                _refused(response)
            elif problem := _problem(response):
                response.failure(problem)
            else:
                response.success()

    def _stream(self, caller: Caller, asked: dict[str, Any]) -> None:
        began = time.perf_counter()
        with self.client.post(
            _PATH,
            json=asked,
            headers=_headers(caller),
            name=STREAM,
            stream=True,
            catch_response=True,
        ) as response:
            if response.status_code == _TOO_MANY:
                _refused(response)
                return
            if response.status_code != 200:
                said = _problem(response)
                response.failure(said or f"status {response.status_code}")
                return
            seen = _read(response, began)
            response.request_meta["response_time"] = (time.perf_counter() - began) * 1e3
            response.request_meta["response_length"] = seen.size
            if seen.problem:
                response.failure(seen.problem)
            else:
                response.success()
        if seen.problem is None:
            self._within(FIRST_TOKEN, seen.first_token_s or 0.0)
            self._within(PAUSE, max(seen.pauses_s, default=0.0))

    def _within(self, name: str, seconds: float) -> None:
        # Not an event of a request: it would be added to the requests' own totals.
        self.environment.stats.get(name, WITHIN).log(round(seconds * 1e3), 0)


def _headers(caller: Caller) -> dict[str, str]:
    # A compressed stream would be held back by whoever unpacks it.
    return {"Authorization": f"Bearer {caller.key}", "Accept-Encoding": "identity"}


def _problem(response: Any) -> str | None:
    """What is wrong with an answer, or why there is none: status 0 is Locust's."""
    if response.status_code == 0:
        return f"no answer: {response.error}"[:80]
    return unary_problem(response.status_code, response.content or b"")


def _refused(response: Any) -> None:
    """A limit or budget at work is no failure; it is counted apart."""
    response.request_meta["name"] = REFUSED
    response.success()


def _read(response: Any, began: float) -> Streamed:
    try:
        return read_stream(_lines(response), began, time.perf_counter)
    except (*FAILURE_EXCEPTIONS, ValueError) as error:
        return Streamed(problem=f"broke off: {type(error).__name__}")


def _lines(response: Any) -> Iterator[bytes]:
    """As they come. Locust offers `iter_lines` only, which waits for whole KiB."""
    while line := response._response.readline(b"\n"):
        yield bytes(line)


@events.test_stopping.add_listener
def note_the_end(environment: Environment, **_: Any) -> None:
    """Of the run."""
    environment.shape_class.note_the_end()


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """The verdict; workers leave it to their master."""
    if isinstance(environment.runner, WorkerRunner):
        return
    shape: Shape = environment.shape_class
    counted = shape.profile.counted(shape.began, shape.ended)
    outcome = outcome_of(environment, counted, lost=len(shape.lost), left=shape.left)
    log.info("%s", outcome)
    problems = broken(outcome, SETTINGS.thresholds)
    for problem in problems:
        log.error("threshold not kept: %s", problem)
    if problems:
        environment.process_exit_code = 1
    elif environment.stats.total.num_requests:
        log.info("all thresholds kept")
        environment.process_exit_code = 0 if shape.over else ENDED_EARLY
