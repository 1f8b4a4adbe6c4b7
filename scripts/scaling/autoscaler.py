"""Ray Serve's own autoscaling state and policy, without a cluster and on a clock of
ours: windows, averages, factors, delays and bounds are Serve's code.

What Serve's routers and replicas do is done here: a sample of the ongoing requests
every `RECORD_S`, a report of those within the look-back period every `PUSH_S`, and a
decision of the controller whenever `decide` is called.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray.serve._private.autoscaling_state as state_module
import ray.serve.autoscaling_policy as policy_module
from ray.serve._private.autoscaling_state import DeploymentAutoscalingState
from ray.serve._private.common import (
    RUNNING_REQUESTS_KEY,
    DeploymentID,
    ReplicaID,
    ReplicaMetricReport,
    TimeStampedValue,
)
from ray.serve._private.config import DeploymentConfig, ReplicaConfig
from ray.serve._private.constants import (
    RAY_SERVE_AUTOSCALING_METRIC_RECORD_INTERVAL_FACTOR,
    RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S,
)
from ray.serve._private.deployment_info import DeploymentInfo
from ray.serve.config import AutoscalingConfig

PUSH_S: float = RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S
_RECORD_FACTOR: float = RAY_SERVE_AUTOSCALING_METRIC_RECORD_INTERVAL_FACTOR
_APPLICATION = "avengers"


class Clock:
    """Stands for the module `time` in Serve's code; it goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        """Now."""
        return self.now

    def monotonic(self) -> float:
        """Now."""
        return self.now


@contextmanager
def virtual_clock() -> Iterator[Clock]:
    """Serve's autoscaling code reads this clock until the end of the block."""
    clock = Clock()
    modules: tuple[Any, ...] = (state_module, policy_module)
    real = [module.time for module in modules]
    for module in modules:
        module.time = clock
    try:
        yield clock
    finally:
        for module, time in zip(modules, real, strict=True):
            module.time = time


class _State(DeploymentAutoscalingState):  # type: ignore[misc]
    reporting = 0  # so many replicas were there at the last report

    def _get_aggregated_custom_metrics(self) -> dict[str, dict[ReplicaID, float]]:
        """Serve's means of the sums, in equal shares: policies ask who is silent."""
        found = super()._get_aggregated_custom_metrics()
        replicas = self._running_replicas[: self.reporting]
        return {
            name: dict.fromkeys(replicas, sum(sums.values()) / len(replicas))
            for name, sums in found.items()
        }

    def record_autoscaling_metrics(self, *_: object, **__: object) -> None:
        """Prometheus is not there, and half of the time would go into it."""


class Autoscaler:
    """One deployment's autoscaling, as the controller runs it.

    The sums over all replicas are reported under the first one: Serve adds the replicas
    up before it does anything else, so the decision is the same.
    """

    def __init__(
        self, name: str, config: AutoscalingConfig, clock: Clock, begin: int = 0
    ) -> None:
        self._clock = clock
        self._look_back_s = config.look_back_period_s
        self._record_s = min(self._look_back_s * _RECORD_FACTOR, PUSH_S)
        self._id = DeploymentID(name=name, app_name=_APPLICATION)
        self._state = _State(self._id)
        deployment = DeploymentConfig.from_default(autoscaling_config=config)
        info = DeploymentInfo(
            deployment_config=deployment,
            replica_config=ReplicaConfig.create(Autoscaler),
            start_time_ms=0,
            deployer_job_id="",
        )
        self.target: int = self._state.register(info, begin or config.min_replicas)
        self._replicas: list[ReplicaID] = []
        self._samples: dict[str, deque[TimeStampedValue]] = {}
        self._recorded_at = self._pushed_at = -1e9

    def run_replicas(self, number: int) -> None:
        """So many replicas are running."""
        if number == len(self._replicas):
            return
        for at in range(len(self._replicas), number):
            self._replicas.append(ReplicaID(str(at), deployment_id=self._id))
        del self._replicas[number:]
        self._state.update_running_replica_ids(list(self._replicas))

    def observe(self, ongoing: float, stats: Mapping[str, float]) -> None:
        """What is under way now; `stats`: what replicas record besides, added up."""
        now = self._clock.now
        if now - self._recorded_at >= self._record_s:
            self._recorded_at = now
            for name, value in {RUNNING_REQUESTS_KEY: ongoing, **stats}.items():
                series = self._samples.setdefault(name, deque())
                series.append(TimeStampedValue(now, value))
                while series[0].timestamp < now - self._look_back_s:
                    series.popleft()
        if now - self._pushed_at >= PUSH_S and self._replicas:
            self._pushed_at = now
            metrics = {name: list(series) for name, series in self._samples.items()}
            report = ReplicaMetricReport(self._replicas[0], metrics, now)
            self._state.record_request_metrics_for_replica(report)
            self._state.reporting = len(self._replicas)

    def decide(self) -> int:
        """How many replicas there shall be."""
        self.target = self._state.get_decision_num_replicas(self.target)
        return self.target
