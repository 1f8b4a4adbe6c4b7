"""What the composition root hands to those who build a deployment."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest

from deployments.catalog import ModelSpec
from deployments.routing.embedder_config import EmbedderConfig
from serve_app.config import AppConfig
from tests.fakes import app_config

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, of what it imports
    from serve_app import app


def test_a_local_model_s_replica_may_end_its_longest_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Scaled down, it would else be killed in the middle of a long thought."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(app, "build_vllm_backend", lambda *_, **said: told.append(said))
    thinking = ModelSpec.model_validate(
        {
            "id": "thinking",
            "upstream_model": "them/thinking",
            "backend": "vllm",
            "timeouts": {"total_s": 3600},
            "vllm": {"max_model_len": 4096},
        }
    )

    app._local_model(thinking, AppConfig.model_fields["telemetry"].default)

    assert [said["longest_answer_s"] for said in told] == [3600]


def test_an_embedder_in_vllm_is_told_which_artifact_holds_its_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where its replicas run, nobody has fetched them."""
    told: list[tuple[Any, ...]] = []

    def build(spec: Any, config: EmbedderConfig, *_: Any, artifact: Any = None) -> None:
        told.append((config.source, artifact))

    spec = object()
    monkeypatch.setattr(app, "build_vllm_embedder", build)
    monkeypatch.setattr(app, "encoder_of", lambda artifact: (spec, Path("/cache/key")))
    telemetry = AppConfig.model_fields["telemetry"].default
    for source in (None, "/models/mine"):
        config = EmbedderConfig(engine="vllm", source=source)
        app._embedder("s3://them/router", config, telemetry)

    assert told == [("/cache/key", "s3://them/router"), ("/models/mine", None)]


def test_no_password_goes_into_what_the_ledger_is_made_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray's head keeps that, and so does its Redis."""
    monkeypatch.setenv("WHERE", "postgresql://me:hunter2@127.0.0.1/usage")
    config = app_config(database={"url_env": "WHERE"}, usage={"journal": "/journal"})

    ledger = app._ledger(config)

    assert ledger is not None
    made_with = pickle.dumps(ledger._bound_deployment.init_args)
    assert b"WHERE" in made_with
    assert b"hunter2" not in made_with
