"""Errors cross processes whole and read as OpenAI's."""

import pickle

import pytest

from deployments import errors

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ServingError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling(kind):
    error = kind("what", param="p", code="c", retry_after_s=2.0, model="m")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert again.__dict__ == error.__dict__
    assert str(again) == "what"


def test_the_envelope():
    error = errors.RateLimited("slow down", param="model")

    assert error.body() == {
        "error": {
            "message": "slow down",
            "type": "rate_limit_exceeded",
            "param": "model",
            "code": "rate_limit_exceeded",
        }
    }


def test_what_a_client_has_sent_is_not_sent_back_by_the_megabyte():
    message = errors.InvalidRequest("m" * 2**20).body()["error"]["message"]

    assert message == "m" * 2000 + "…"
