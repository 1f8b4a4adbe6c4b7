"""`/v1/route` says how sure the decision is, and whether the query is familiar."""

from dataclasses import replace
from typing import Any

import numpy as np

from artifacts.policy import RoutingDecision
from deployments.protocol.routing import Explanation, RouteTimings
from serve_app.answering.planning import Plan
from serve_app.commands.artifact_tables import print_decision
from serve_app.http.route_report import route_report
from tests.artifacts.test_out_of_distribution import KNOWN, POLICIES, STRANGE, fitted

ARTIFACT = fitted(POLICIES[1])


def report(decision: RoutingDecision, **told: Any) -> dict:
    explanation = Explanation(decision, (), RouteTimings(0.001, 0.002))
    plan = Plan(
        tenant=None,  # type: ignore[arg-type]  # a report says nothing of tenants
        alpha=decision.alpha,
        cost_tier=None,
        fixed_model=None,
        candidates=decision.ranking,
        excluded={},
    )
    plan = replace(plan, **told)
    return route_report(explanation, plan, 0.004)


def test_a_familiar_query_says_so_with_each_model_s_uncertainty():
    decision = ARTIFACT.choose(KNOWN, 0.5)

    answer = report(decision)

    assert answer["out_of_distribution"] is False
    assert answer["similarity_percentile"] == decision.similarity_percentile
    sds = [row["accuracy_sd"] for row in answer["ranking"]]
    assert np.all(np.array(sds) > 0)


def test_what_neither_embedder_nor_router_took_went_into_the_way_to_them():
    times = report(ARTIFACT.choose(KNOWN, 0.5))["timings_ms"]

    assert times == {"total": 4.0, "embedder": 1.0, "router": 2.0, "hop": 1.0}


def test_a_strange_query_is_marked():
    answer = report(ARTIFACT.choose(STRANGE, 0.5))

    assert answer["out_of_distribution"] is True
    assert answer["similarity_percentile"] == 0
    assert answer["ranking"][0]["why"] == "greatest score at alpha 0.5 over all queries"


def test_the_printed_table_marks_it_too(capsys):
    decision = ARTIFACT.choose(STRANGE, 0.5)
    print_decision(decision)
    marked = capsys.readouterr().out
    print_decision(replace(decision, similarity_percentile=None))
    unknown = capsys.readouterr().out

    assert "out of distribution" in marked
    assert "±" in marked
    assert "distribution" not in unknown


def test_a_model_that_the_request_names_leaves_out_the_others_for_that():
    decision = ARTIFACT.choose(KNOWN, 0.5)
    named, *others = ARTIFACT.models
    alone = ARTIFACT.choose(KNOWN, 0.5, (named,))

    answer = report(alone, fixed_model=named, candidates=decision.ranking)

    assert answer["excluded"] == dict.fromkeys(
        sorted(others, key=decision.ranking.index), "the request names another model"
    )


def test_against_a_model_that_costs_nothing_only_the_accuracy_is_compared():
    decision = ARTIFACT.choose(KNOWN, 0.5)
    _, *others = decision.expected_cost_usd
    answer = report(replace(decision, expected_cost_usd=(0.0, *others)))

    why = answer["ranking"][1]["why"]
    assert "points against" in why
    assert "cost" not in why
