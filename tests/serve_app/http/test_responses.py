"""Errors as HTTP."""

import pytest

from deployments.errors import Overloaded, ServingError
from serve_app.answering.answered import Answered
from serve_app.answering.attempts import Failure
from serve_app.http.responses import error_response, routing_headers


@pytest.mark.parametrize(
    ("retry_after_s", "said"), [(None, None), (0.0, "1"), (0.2, "1"), (7.1, "8")]
)
def test_nobody_is_told_to_come_again_at_once_or_too_soon(retry_after_s, said):
    response = error_response(Overloaded("full", retry_after_s=retry_after_s))

    assert response.headers.get("retry-after") == said


@pytest.mark.parametrize("model", [None, "small"])
def test_the_model_that_failed_is_named(model):
    response = error_response(ServingError("no", model=model))

    assert response.headers.get("x-routed-model") == model


def test_of_hundreds_that_were_passed_over_the_first_are_named():
    passed_over = tuple(Failure(f"model-{n}", "over_budget") for n in range(500))
    answered = Answered("small", "b", "routed", 0.5, None, passed_over)

    said = routing_headers(answered)["x-routing-fallbacks"].split("; ")
    assert said[:2] == ["500", "model-0=over_budget"]
    assert len(said) == 21
