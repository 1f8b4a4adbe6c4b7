"""Errors as HTTP."""

import pytest

from deployments.errors import (
    InvalidRequest,
    Overloaded,
    RateLimited,
    ServingError,
    UpstreamError,
    UpstreamRefusal,
)
from serve_app.answering.answered import Answered
from serve_app.answering.failure import Failure
from serve_app.http.responses import error_response, routing_headers


@pytest.mark.parametrize(
    ("retry_after_s", "said"), [(None, None), (0.0, "1"), (0.2, "1"), (7.1, "8")]
)
def test_nobody_is_told_to_come_again_at_once_or_too_soon(retry_after_s, said):
    response = error_response(Overloaded("full", retry_after_s=retry_after_s))

    assert response.headers.get("retry-after") == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RateLimited("the budget is spent", retry_after_s=359_370), "false"),
        (Overloaded("all breakers are open", retry_after_s=121), "false"),
        (UpstreamRefusal("no credits"), "false"),
        (RateLimited("a minute's requests", retry_after_s=62), None),
        (RateLimited("the upstream's, who knows how long"), None),
        (UpstreamError("it failed"), None),
        (ServingError("ours"), None),
        (InvalidRequest("nobody asks that again"), None),
    ],
)
def test_clients_that_ask_again_by_themselves_are_told_where_it_is_in_vain(error, said):
    assert error_response(error).headers.get("x-should-retry") == said


@pytest.mark.parametrize("model", [None, "small"])
def test_the_model_that_failed_is_named(model):
    response = error_response(ServingError("no", model=model))

    assert response.headers.get("x-routed-model") == model


@pytest.mark.parametrize(
    ("cost_usd", "said"),
    [(0.25, "0.25"), (1.25e-8, "0.0000000125"), (2.0, "2"), (0.0, "0")],
)
def test_what_an_answer_cost_is_told_however_little_it_is(cost_usd, said):
    by = Answered("small", "simulator", "routed", 0.5, None, ())

    assert routing_headers(by, cost_usd)["x-response-cost-usd"] == said
    assert "x-response-cost-usd" not in routing_headers(by)


def test_of_hundreds_that_were_passed_over_the_first_are_named():
    passed_over = tuple(Failure(f"model-{n}", "over_budget") for n in range(500))
    answered = Answered("small", "b", "routed", 0.5, None, passed_over)

    said = routing_headers(answered)["x-routing-fallbacks"].split("; ")
    assert said[:2] == ["500", "model-0=over_budget"]
    assert len(said) == 21
