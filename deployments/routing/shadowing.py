"""What a second artifact would have decided, beside the decision that counts."""

import logging
from dataclasses import replace

from artifacts.artifact import RoutingArtifact
from artifacts.policy import RoutingDecision, Shadow
from deployments.errors import ServingError
from deployments.protocol.routing import RouteQuery
from deployments.routing.deciding import decide
from deployments.routing.vectors import Vector

logger = logging.getLogger(__name__)


def with_shadow(
    decision: RoutingDecision,
    artifact: RoutingArtifact,
    query: RouteQuery,
    vector: Vector,
    first: Vector | None,
) -> RoutingDecision:
    """The decision, and what `artifact` says on the same terms where it can tell."""
    if artifact.artifact_id == decision.artifact_id:
        return decision
    try:
        other = decide(artifact, query, vector, first)
    except ServingError:
        return decision
    # Nothing that a second artifact does may fail the answer.
    except Exception:
        logger.exception("the shadow artifact %s failed", artifact.artifact_id[:12])
        return decision
    shadow = Shadow(
        artifact_id=other.artifact_id,
        model=other.model,
        expected_cost_usd=other.expected_cost_usd[0],
        agrees=other.model == decision.model,
    )
    return replace(decision, shadow=shadow)
