"""The headers that a collector of traces wants."""

import pytest

from deployments.telemetry.config import TelemetryConfig

CONFIG = TelemetryConfig(headers_env={"authorization": "OTLP"})


def test_a_value_from_a_file_may_end_with_the_line():
    assert CONFIG.headers({"OTLP": "Bearer x\n"}) == {"authorization": "Bearer x"}


@pytest.mark.parametrize("environment", [{}, {"OTLP": ""}, {"OTLP": "\n"}])
def test_a_variable_that_is_not_set_is_named(environment):
    with pytest.raises(ValueError, match=r"env\.authorization: OTLP is not set"):
        CONFIG.headers(environment)
