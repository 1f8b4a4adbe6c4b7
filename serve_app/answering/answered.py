"""Who answered a request, as its headers and its record say."""

from dataclasses import dataclass

from artifacts.policy import RoutingDecision
from deployments.protocol.backend import BackendRequest
from serve_app.answering.call import BackendPort
from serve_app.answering.choosing import Cause
from serve_app.answering.failure import Failure
from serve_app.answering.run import Run


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


def answered(run: Run, port: BackendPort, request: BackendRequest) -> Answered:
    """By this backend, after what the run has tried before."""
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
