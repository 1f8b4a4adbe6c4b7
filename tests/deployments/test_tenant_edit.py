"""What a change of some fields makes of a tenant."""

import pytest
from pydantic import ValidationError

from deployments.tenant_edit import edited
from tests.deployments.store.made import tenant

KNOWN = tenant(max_budget=5.0, rpm_limit=3, keys=[{"env": "TEST_KEY"}])


def test_nothing_stated_is_the_same():
    assert edited(KNOWN, {}) == KNOWN


def test_none_is_the_default_also_where_that_is_something():
    yearly = edited(KNOWN, {"budget_timezone": "Asia/Tokyo"})

    assert edited(yearly, {"budget_timezone": None}) == KNOWN
    assert edited(KNOWN, {"rpm_limit": None}).rpm_limit is None


def test_without_either_alpha_or_tier_it_is_none():
    with pytest.raises(ValidationError, match="either cost_tier or alpha is needed"):
        edited(KNOWN, {"alpha": None})
