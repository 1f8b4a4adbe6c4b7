"""What a Gateway's replica knows of itself."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from ray.serve import context
    from ray.serve._private.common import DeploymentID, ReplicaID
    from ray.serve._private.config import DeploymentConfig

    from serve_app.gateway_replica import max_ongoing_requests


def test_the_bound_is_what_serve_has_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve hands a replica its new settings and starts no other for them."""
    monkeypatch.setattr(context, "_INTERNAL_REPLICA_CONTEXT", None)
    for bound in (295, 300):
        context._set_internal_replica_context(
            replica_id=ReplicaID("a", DeploymentID("Gateway", "avengers")),
            servable_object=None,
            _deployment_config=DeploymentConfig(max_ongoing_requests=bound),
            rank=None,
            world_size=1,
        )

        assert max_ongoing_requests() == bound
