"""Arrays that mean nothing are refused, even where their digest is right."""

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact, arrays_of, profiles_of
from artifacts.store import load
from artifacts.verification import verify
from tests.artifacts.hand_made import bundled


@pytest.fixture
def artifact() -> RoutingArtifact:
    return load(bundled())


def verify_with(artifact: RoutingArtifact, name: str, value: float) -> None:
    """With one number of an array put to `value`."""
    arrays = arrays_of(artifact.centroids, artifact.profiles)
    arrays[name] = arrays[name].copy()
    arrays[name][(1,) * arrays[name].ndim] = value
    verify(artifact.manifest, artifact.centroids, profiles_of(arrays))


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("accuracy", 1.01, "accuracy: greater than 1"),
        ("accuracy", -0.01, "accuracy: negative"),
        ("accuracy", np.nan, "accuracy: not finite"),
        ("prior_accuracy", 1.01, "prior_accuracy: greater than 1"),
        ("prior_accuracy", np.nan, "prior_accuracy: not finite"),
        ("cost_usd", -1e-9, "cost_usd: negative"),
        ("cost_usd", np.inf, "cost_usd: not finite"),
        ("prior_cost_usd", -1e-9, "prior_cost_usd: negative"),
        ("prior_cost_usd", np.nan, "prior_cost_usd: not finite"),
        ("count", -1, "count: negative"),
        ("prompt_tokens", -1, "prompt_tokens: negative"),
        ("completion_tokens", np.inf, "completion_tokens: not finite"),
        ("smoother_accuracy_weight", np.nan, "accuracy_weight: not finite"),
        ("smoother_trade_off", 2.0, "trade_off: must rise from 0 to 1"),
        ("smoother_cost_scale_usd", -1e-9, "cost_scale_usd: negative"),
        ("smoother_variance_weight", -1e-9, "variance_weight: negative"),
    ],
)
def test_a_number_out_of_its_range_is_named(artifact, name, value, what):
    with pytest.raises(ValueError, match=what):
        verify_with(artifact, name, value)


def test_tokens_may_be_unknown(artifact):
    verify_with(artifact, "prompt_tokens", np.nan)


@pytest.mark.parametrize(("name", "dtype"), [("count", float), ("accuracy", int)])
def test_an_array_of_another_type_is_named(artifact, name, dtype):
    arrays = arrays_of(artifact.centroids, artifact.profiles)
    arrays[name] = arrays[name].astype(dtype)

    with pytest.raises(ValueError, match=f"{name}: .* is not its type"):
        verify(artifact.manifest, artifact.centroids, profiles_of(arrays))


def test_the_calibrated_policy_needs_its_arrays(artifact):
    arrays = arrays_of(artifact.centroids, artifact.profiles)
    kept = {k: v for k, v in arrays.items() if not k.startswith("smoother_")}

    with pytest.raises(ValueError, match="arrays of the calibrated policy are missing"):
        verify(artifact.manifest, artifact.centroids, profiles_of(kept))
