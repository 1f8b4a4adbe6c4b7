"""Models that the artifact has no records of are told of before anything starts."""

import pytest

from serve_app.profiled import unprofiled_models
from tests.fakes import app_config

KNOWN = {"id": "gpt-4o-2024-08-06", "backend": "simulator", "upstream_model": "a"}
NEW = {"id": "new", "backend": "simulator", "upstream_model": "b"}


@pytest.mark.parametrize(
    ("models", "artifact", "said"),
    [
        ([KNOWN], "default", None),
        ([NEW], "s3://bucket/router", None),
        (
            [KNOWN, NEW],
            "default",
            "artifact: it has no records of new: used only by name",
        ),
        (
            [NEW],
            "default",
            "artifact: it knows no model of the catalog: `auto` is default_model",
        ),
    ],
)
def test_models_without_records(models, artifact, said):
    config = app_config(
        catalog={"models": models},
        default_model=models[0]["id"],
        artifact=artifact,
        cost_tiers={"t": {"alpha": 0}},
        tenants=[],
        hosts={},
    )

    assert unprofiled_models(config) == said
