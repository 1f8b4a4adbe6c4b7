"""What a Gateway's replica has done before it is asked, and knows of itself."""

import warnings
from typing import Any, cast
from unittest.mock import MagicMock

import pytest
import yaml
from fastapi.testclient import TestClient

from deployments.backends import tokens
from scripts.served import ROOT
from serve_app.config import AppConfig

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from ray.serve import context
    from ray.serve._private.common import DeploymentID, ReplicaID
    from ray.serve._private.config import DeploymentConfig

    from serve_app import gateway_replica


def test_the_vocabulary_is_there_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes most of a second, in which the event loop would do nothing else."""
    local = yaml.safe_load((ROOT / "serve_app/local.yaml").read_text("utf-8"))
    args = local["applications"][0]["args"]
    kept = {"database", "usage", "auth"}  # what needs a Ledger or a key
    alone = {name: value for name, value in args.items() if name not in kept}
    config = AppConfig.model_validate({**alone, "placement": "gateway"})
    nobody = cast("Any", MagicMock())
    # They ask Serve which replica it is.
    monkeypatch.setattr(gateway_replica, "replica_log", lambda _: None)
    monkeypatch.setattr(gateway_replica, "max_ongoing_requests", lambda: 5)
    replica = gateway_replica.GatewayReplica(config, nobody, {}, embedder=nobody)
    tokens._encoding.cache_clear()

    with TestClient(cast("Any", replica.__serve_build_asgi_app__())):
        assert tokens._encoding.cache_info().currsize == 1


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

        assert gateway_replica.max_ongoing_requests() == bound
