"""One edit under load: which replicas it replaced, which requests it cost."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.reconfigure.edits import Edit
from scripts.reconfigure.graph import DeployFailed, Graph, Replicas
from scripts.reconfigure.load import Load, Outcome, failures

_AFTER_S = 4.0  # of load after the edit is in force
_EFFECT_S = 30.0


@dataclass(frozen=True)
class Result:
    """What an edit did; `restarted` are deployments of which a replica is gone."""

    edit: Edit
    restarted: frozenset[str]
    requests: int
    streams_across: int  # streams that were under way when the edit came
    failed: Counter[str]
    effect_s: float | None  # until the first answer that was made under it
    settled: bool  # all later answers were
    checked: bool
    error: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it is as the table in k8s/README.md says."""
        return (
            self.error is None
            and self.restarted == self.edit.restarts
            and self.checked
            and self.settled
            and not self.failed
            and self.streams_across > 0
        )


def attempt(graph: Graph, edit: Edit, load: Load) -> Result:
    """Deploys the first config with the edit; `put_back` takes it away again."""
    before = graph.replicas()
    began, error, checked = time.monotonic(), None, False
    try:
        graph.deploy(edit.change)
        in_force = time.monotonic()
        _wait_for_effect(edit, load, began)
        checked = edit.check(graph)
        time.sleep(_AFTER_S)
    except DeployFailed as failed:
        error, in_force = str(failed), time.monotonic()
    after, ended = graph.replicas(), time.monotonic()
    outcomes = load.since(began, ended)
    return Result(
        edit=edit,
        restarted=gone(before, after),
        requests=len(outcomes),
        streams_across=streams_across(outcomes, began),
        failed=failures(outcomes),
        effect_s=_effect(edit, outcomes, began),
        settled=settled(edit, load.since(in_force, ended)),
        checked=checked,
        error=error,
    )


def put_back(graph: Graph) -> None:
    """The config that the cluster was started with."""
    graph.deploy(lambda _: None)


def gone(before: Replicas, after: Replicas) -> frozenset[str]:
    """Deployments of which a replica is not there any more, or has another process."""
    return frozenset(
        name
        for name, replicas in before.items()
        if not replicas.items() <= after.get(name, {}).items()
    )


def streams_across(outcomes: Sequence[Outcome], moment: float) -> int:
    return sum(one.stream and one.began < moment < one.ended for one in outcomes)


def _wait_for_effect(edit: Edit, load: Load, began: float) -> None:
    until = time.monotonic() + _EFFECT_S
    while edit.seen and time.monotonic() < until:
        if any(edit.seen(one) for one in load.since(began)):
            return
        time.sleep(0.1)


def _effect(edit: Edit, outcomes: Sequence[Outcome], began: float) -> float | None:
    if edit.seen is None:
        return None
    seen = [one.ended - began for one in outcomes if edit.seen(one)]
    return min(seen, default=None)


def settled(edit: Edit, outcomes: Sequence[Outcome]) -> bool:
    """Once an answer is under the edit, each that is asked for afterwards is, too.

    Not for those that were under way: replicas take a config one after the other.
    """
    if edit.seen is None:
        return True
    last = max((one.ended for one in outcomes if not edit.seen(one)), default=0.0)
    return any(edit.seen(one) and one.began > last for one in outcomes)
