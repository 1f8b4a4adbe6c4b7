"""Replicas and the nodes they run on, over simulated time."""

import heapq
from dataclasses import dataclass, field

_IDLE_S = 300.0  # a node that nobody needs for so long goes


@dataclass(slots=True)
class Nodes:
    """A pool that grows by whole nodes, each there `start_s` after it is asked for."""

    node_size: float
    start_s: float
    size: float = 0.0
    used: float = 0.0
    _coming: list[tuple[float, float]] = field(default_factory=list)
    _spare_since: float | None = None

    def take(self, amount: float, now: float) -> float:
        """Reserve; when it is there."""
        self.used += amount
        if self.used <= self.size:
            return now
        promised = self.size + sum(size for _, size in self._coming)
        while promised < self.used:
            self._coming.append((now + self.start_s, self.node_size))
            promised += self.node_size
        return max(now, self._coming[-1][0])

    def give_back(self, amount: float) -> None:
        """A replica has gone."""
        self.used -= amount

    def step(self, now: float) -> None:
        """Nodes come; one that is spare for long goes."""
        self.size += sum(size for at, size in self._coming if at <= now)
        self._coming = [coming for coming in self._coming if coming[0] > now]
        if self.size - self.used < self.node_size:
            self._spare_since = None
        elif self._spare_since is None:
            self._spare_since = now
        elif now - self._spare_since > _IDLE_S:
            self.size -= self.node_size
            self._spare_since = now


@dataclass(slots=True)
class Fleet:
    """One deployment's replicas: those that run, and those that start."""

    nodes: Nodes
    each: float  # of a node: cores or GPUs
    start_s: float
    running: int = 0
    _starting: list[float] = field(default_factory=list)

    def begin(self, number: int) -> None:
        """So many run from the start, on nodes that are there."""
        self.running = number
        self.nodes.used += number * self.each
        while self.nodes.size < self.nodes.used:
            self.nodes.size += self.nodes.node_size

    @property
    def all(self) -> int:
        """Running and starting."""
        return self.running + len(self._starting)

    def aim(self, target: int, now: float) -> None:
        """Start or stop replicas; those that still start go first."""
        for _ in range(target - self.all):
            there = self.nodes.take(self.each, now)
            heapq.heappush(self._starting, there + self.start_s)
        for _ in range(self.all - target):
            if self._starting:
                self._starting.remove(max(self._starting))
                heapq.heapify(self._starting)
            else:
                self.running -= 1
            self.nodes.give_back(self.each)

    def step(self, now: float) -> None:
        """Those whose start is over run."""
        while self._starting and self._starting[0] <= now:
            heapq.heappop(self._starting)
            self.running += 1


@dataclass(slots=True)
class Cores:
    """When each replica's core will be free; the earliest takes the next job."""

    free_at: list[float] = field(default_factory=list)

    def resize(self, number: int, now: float) -> None:
        """So many replicas are running."""
        self.free_at.extend([now] * (number - len(self.free_at)))
        if number < len(self.free_at):
            self.free_at.sort()
            del self.free_at[max(1, number) :]

    def work(self, now: float, cpu_s: float) -> float:
        """When a job that comes now is done."""
        at = min(range(len(self.free_at)), key=self.free_at.__getitem__)
        done = max(now, self.free_at[at]) + cpu_s
        self.free_at[at] = done
        return done
