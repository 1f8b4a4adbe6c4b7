"""The answer of `POST /v1/route`: a decision, and what it rests on."""

from dataclasses import asdict
from typing import Any

from artifacts.policy import RoutingDecision
from deployments.protocol.routing import ClusterView, Explanation
from serve_app.answering.planning import Plan


def route_report(
    explanation: Explanation, plan: Plan, total_s: float
) -> dict[str, Any]:
    """JSON of one explained decision; money in USD per query, times in ms."""
    decision = explanation.decision
    timings = explanation.timings
    hops_s = total_s - timings.embed_s - timings.decide_s
    return {
        "object": "route",
        **decision_report(decision, plan),
        "shadow": None if decision.shadow is None else asdict(decision.shadow),
        "clusters": [_cluster(view, decision) for view in explanation.clusters],
        "timings_ms": {
            "total": round(total_s * 1e3, 3),
            "embedder": round(timings.embed_s * 1e3, 3),
            "router": round(timings.decide_s * 1e3, 3),
            "hop": round(hops_s * 1e3, 3),
        },
    }


def decision_report(decision: RoutingDecision, plan: Plan) -> dict[str, Any]:
    """JSON of a decision without the cells that it rests on: `routing.explain`."""
    why = "the artifact holds no records of it, or it is over max_cost_usd"
    if plan.fixed_model is not None:
        why = "the request names another model"
    left_out = {m: why for m in plan.candidates if m not in decision.ranking}
    return {
        "model": decision.model,
        "alpha": decision.alpha,
        "cost_tier": plan.cost_tier,
        "policy": decision.policy,
        "artifact": decision.artifact_id,
        "out_of_distribution": decision.out_of_distribution,
        "similarity_percentile": decision.similarity_percentile,
        "ranking": _ranking(decision),
        "excluded": {**plan.excluded, **left_out},
        "conversation": _conversation(decision),
    }


def _ranking(decision: RoutingDecision) -> list[dict[str, Any]]:
    unknown = (None,) * len(decision.ranking)
    rows = zip(
        decision.ranking,
        decision.scores,
        decision.expected_accuracy,
        decision.accuracy_sd or unknown,
        decision.expected_cost_usd,
        decision.imputed,
        strict=True,
    )
    return [
        {
            "model": model,
            "score": score,
            "expected_accuracy": accuracy,
            "accuracy_sd": sd,
            "expected_cost_usd": cost_usd,
            "imputed": imputed,
            "why": _why(decision, place),
        }
        for place, (model, score, accuracy, sd, cost_usd, imputed) in enumerate(rows)
    ]


def _why(decision: RoutingDecision, place: int) -> str:
    """One sentence on why the model at `place` was chosen or not."""
    if place == 0:
        basis = " over all queries" if decision.out_of_distribution else ""
        return f"greatest score at alpha {decision.alpha:g}{basis}"
    accuracy = decision.expected_accuracy
    cost = decision.expected_cost_usd
    points = (accuracy[place] - accuracy[0]) * 100
    text = f"accuracy {points:+.1f} points"
    if cost[0] > 0:
        text += f", cost ×{cost[place] / cost[0]:.2f}"
    return f"{text} against {decision.model}"


def _cluster(view: ClusterView, decision: RoutingDecision) -> dict[str, Any]:
    cells = zip(decision.ranking, view.accuracy, view.cost_usd, view.count, strict=True)
    return {
        "cluster": view.cluster,
        "similarity": view.similarity,
        "models": {
            model: {"accuracy": accuracy, "cost_usd": cost_usd, "count": count}
            for model, accuracy, cost_usd, count in cells
        },
    }


def _conversation(decision: RoutingDecision) -> dict[str, Any] | None:
    """Whether the conversation keeps its model; None where there is none to keep."""
    staying = decision.staying
    if staying is None:
        return None
    return {
        "home": staying.home,
        "stays": staying.stays,
        "gain": staying.gain,
        "loss": staying.loss,
        "cache_saves_usd": staying.saved_usd,
        "rule": "the conversation moves if gain > loss",
    }
