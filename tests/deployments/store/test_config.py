"""What a configuration says of the database."""

import pytest
from pydantic import ValidationError

from deployments.store.config import DatabaseConfig


@pytest.mark.parametrize("database", [{}, {"url": "u", "url_env": "U"}])
def test_a_database_has_one_address(database):
    with pytest.raises(ValidationError, match="either url or url_env"):
        DatabaseConfig(**database)


def test_a_database_s_address_may_stand_in_the_environment():
    config = DatabaseConfig(url_env="WHERE")

    assert config.address({"WHERE": "sqlite:///a"}) == "sqlite:///a"
    with pytest.raises(ValueError, match="WHERE is not set"):
        config.address({})


def test_yes_is_no_number_of_days_after_which_usage_is_deleted():
    with pytest.raises(ValidationError, match=r"usage_kept_days\n.*a number was exp"):
        DatabaseConfig(url="sqlite:///x", usage_kept_days=True)
