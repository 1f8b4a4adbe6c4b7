"""How many users there shall be, second by second; how a run ends; who was lost."""

import math
import time

from locust import LoadTestShape
from locust.runners import STATE_MISSING, MasterRunner

from scripts.loadtest.profiles import Profile

_SLACK_S = 10.0  # for those that are ended to be gone
_REPORTED_S = 4.0  # workers report every three seconds


class ProfileShape(LoadTestShape):
    """The users of a profile. At its end they are let go, and waited for, before the
    run is over: a master that is told to end does not wait for what its workers have
    under way."""

    abstract = True
    profile: Profile
    began, ended = 0.0, 0.0  # unix time
    over = False  # the time of the run
    lost: frozenset[str] = frozenset()  # workers that have left, or do not answer
    left = 0  # users who were still there when they were not waited for any more
    _seen: frozenset[str] = frozenset()
    _letting_go: tuple[int, float] = (0, 1.0)
    _gone_at: float | None = None

    def reset_time(self) -> None:
        """A run begins."""
        super().reset_time()
        self.began, self.ended = time.time(), math.inf
        self.over, self._gone_at, self.left = False, None, 0
        self.lost = self._seen = frozenset()

    def tick(self) -> tuple[int, float] | None:
        """How many there shall be now, and how fast they come or go."""
        self._look_for_workers()
        users = self.profile.users_at(self.get_run_time())
        if users is not None:
            return users, self.profile.spawn_rate(users)
        if not self.over:  # all at once: Locust waits for some before it tells others
            self.over = True
            self._letting_go = 0, max(1.0, self.get_current_user_count())
        return None if self._all_gone() else self._letting_go

    def note_the_end(self) -> None:
        """What comes after it is in no rate. Who does not answer now is lost; workers
        that go now go because the run does."""
        self.ended = time.time()
        if isinstance(self.runner, MasterRunner):
            self.lost |= {each.id for each in self.runner.clients.missing}

    def _look_for_workers(self) -> None:
        if isinstance(self.runner, MasterRunner):
            workers = self.runner.clients.values()
            there = {each.id for each in workers if each.state != STATE_MISSING}
            self._seen |= there
            self.lost = self._seen - there

    def _all_gone(self) -> bool:
        """Whether no user is left, and all workers have said what became of theirs."""
        assert self.runner is not None
        now = self.get_run_time()
        grace_s = self.runner.environment.stop_timeout or 0.0
        self.left = self.runner.user_count
        if now >= self.profile.seconds + grace_s + _SLACK_S:
            return True
        if self.left:
            return False
        self._gone_at = now if self._gone_at is None else self._gone_at
        told_s = _REPORTED_S if isinstance(self.runner, MasterRunner) else 0.0
        return now >= self._gone_at + told_s
