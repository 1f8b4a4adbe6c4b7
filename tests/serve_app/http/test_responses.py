"""Errors as HTTP."""

import pytest

from deployments.errors import Overloaded, ServingError
from serve_app.http.responses import error_response


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
