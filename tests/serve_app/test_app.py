"""What the composition root hands to those who build a deployment."""

import warnings
from typing import Any

import pytest

from deployments.catalog import ModelSpec
from serve_app.config import AppConfig

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
