"""What a Ray handle raises, in our words."""

import warnings

import pytest

from deployments.errors import Overloaded, QueueFull, ServingError, UpstreamError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from ray.serve._private.common import DeploymentID
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    from deployments.handles import translated


def told(error: Exception) -> ServingError:
    with pytest.raises(ServingError) as raised, translated("model", UpstreamError):
        raise error
    return raised.value


def test_a_full_queue_is_told_apart_from_a_deployment_that_is_away():
    full = told(BackPressureError(num_queued_requests=64, max_queued_requests=64))
    away = told(DeploymentUnavailableError(DeploymentID("model")))

    assert (type(full), full.code, full.retry_after_s) == (QueueFull, "overloaded", 1.0)
    assert (type(away), away.code, away.retry_after_s) == (Overloaded, "overloaded", 5)


def test_what_is_unforeseen_is_a_failure_of_what_was_asked():
    assert type(told(ValueError("what"))) is UpstreamError
