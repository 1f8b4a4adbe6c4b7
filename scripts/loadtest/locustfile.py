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

from locust import FastHttpUser, LoadTestShape, events, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.env import Environment
from locust.runners import WorkerRunner

from scripts.loadtest.answer import Streamed, read_stream, unary_problem
from scripts.loadtest.figures import (
    ANSWER,
    FIRST_TOKEN,
    PAUSE,
    REFUSED,
    STREAM,
    WITHIN,
    lost_workers,
    outcome_of,
)
from scripts.loadtest.judging import broken
from scripts.loadtest.keys import Caller, callers, one_of
from scripts.loadtest.profiles import Profile
from scripts.loadtest.questions import body, questions
from scripts.loadtest.settings import ENDED_EARLY, Settings

log = logging.getLogger(__name__)

SETTINGS = Settings.from_environment()
TEXTS = questions(Path(SETTINGS.queries) if SETTINGS.queries else None, SETTINGS.seed)
CALLERS = callers(Path(SETTINGS.keys) if SETTINGS.keys else None)

_PATH = "/v1/chat/completions"
_TOO_MANY = 429


class Shape(LoadTestShape):
    """The profile's users."""

    lost: frozenset[str] = frozenset()
    over = False  # the time of the run

    def tick(self) -> tuple[int, float] | None:
        """How many there shall be now, and how fast they come."""
        self.lost = lost_workers(self.runner, self.lost)
        profile = Profile(SETTINGS.profile, SETTINGS.users, SETTINGS.seconds)
        users = profile.users_at(self.get_run_time())
        self.over = users is None
        return None if users is None else (users, max(1.0, users / 2))


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
        """One request."""
        caller = one_of(CALLERS, self.draw)
        asked = body(TEXTS, caller.models, SETTINGS.stream_share, self.draw)
        if asked.get("stream"):
            self._stream(caller, asked)
        else:
            self._answer(caller, asked)

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


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """The verdict; workers leave it to their master."""
    if isinstance(environment.runner, WorkerRunner):
        return
    lost = lost_workers(environment.runner, environment.shape_class.lost)
    outcome = outcome_of(environment, lost=len(lost))
    problems = broken(outcome, SETTINGS.thresholds)
    for problem in problems:
        log.error("threshold not kept: %s", problem)
    if problems:
        environment.process_exit_code = 1
    elif environment.stats.total.num_requests:
        log.info("all thresholds kept")
        over = environment.shape_class.over
        environment.process_exit_code = 0 if over else ENDED_EARLY
