"""What may be configured of tenants, keys and tiers."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from deployments.tenancy import CostTier, KeyConfig, TenantConfig

DIGEST = "0123456789abcdef" * 4
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def tenant(**changes) -> TenantConfig:
    return TenantConfig.model_validate({"id": "t", "alpha": 0.5, **changes})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"alpha": None}, "either cost_tier or alpha"),
        ({"cost_tier": "gold"}, "either cost_tier or alpha"),
        ({"max_budget": -1}, "greater than or equal to 0"),
        ({"max_budget": False}, "a number was expected"),
        ({"rpm_limit": True}, "a number was expected"),
        ({"alpha": True}, "a number was expected"),
        ({"max_budget": float("inf")}, "finite number"),
        ({"max_budget": 1e10}, "less than or equal to"),
        ({"max_budget": float("nan")}, "finite number"),
        ({"max_budget": 5, "soft_budget": 6}, "soft_budget is over max_budget"),
        ({"budget_duration": "2h"}, "'1d', '7d', '30d' or '1mo'"),
        ({"budget_timezone": "Mars"}, "'Mars' is no time zone"),
        ({"rpm_limit": 0}, "greater than or equal to 1"),
        ({"metadata": {"a": 1}}, "valid string"),
        ({"id": "a b"}, "should match pattern"),
        ({"speed": 1}, "Extra inputs"),
        ({"keys": [{}]}, "either env or sha256"),
        ({"keys": [{"env": "A", "sha256": DIGEST}]}, "either env or sha256"),
        ({"keys": [{"env": "A"}, {"env": "A"}]}, "'env:A' is listed twice"),
        (
            {"keys": [{"env": "A", "alpha": 1, "cost_tier": "x"}]},
            "exclude each other",
        ),
        ({"keys": [{"env": "A", "tpm_limit": -1}]}, "greater than or equal to 1"),
    ],
)
def test_mistakes_are_refused(changes, what):
    with pytest.raises(ValidationError, match=what):
        tenant(**changes)


@pytest.mark.parametrize(
    ("fields", "id"),
    [
        ({"sha256": DIGEST}, "0123456789ab"),
        ({"env": "A_KEY"}, "env:A_KEY"),
        ({"env": "A_KEY", "id": "ci"}, "ci"),
    ],
)
def test_every_key_has_an_id(fields, id):
    assert KeyConfig.model_validate(fields).key_id == id


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, None),
        ({"revoked": True}, "revoked"),
        ({"expires_at": "2026-06-01T12:00:01Z"}, None),
        ({"expires_at": "2026-06-01T12:00:00Z"}, "expired"),
        ({"expires_at": "2026-06-01T14:00:00+02:00"}, "expired"),
        ({"expires_at": "2026-06-01"}, "expired"),
        ({"expires_at": "2027-06-01", "revoked": True}, "revoked"),
    ],
)
def test_when_a_key_opens_nothing(fields, why):
    assert KeyConfig.model_validate({"env": "A", **fields}).ended(NOON) == why


def test_all_tiers_that_are_named():
    keys = [{"env": "A", "cost_tier": "b"}, {"env": "B"}]

    assert tenant(keys=keys).named_tiers == {"b"}
    assert tenant(allowed_cost_tiers=["a"]).named_tiers == {"a"}
    assert tenant(alpha=None, cost_tier="c").named_tiers == {"c"}


def test_documents_are_the_same_for_the_same_names():
    models = [f"model-{n}" for n in range(50)]
    tier = CostTier(alpha=1, models=frozenset(models))

    assert tier.model_dump(mode="json")["models"] == sorted(models)
    assert CostTier.model_validate(tier.model_dump(mode="json")) == tier
