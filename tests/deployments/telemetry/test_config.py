"""The headers that go to a collector, with what the environment holds."""

import pytest

from deployments.telemetry.config import TelemetryConfig

CONFIG = TelemetryConfig(headers_env={"authorization": "OTLP"})


@pytest.mark.parametrize("held", ["Bearer t", "Bearer t\n", " Bearer t\r\n"])
def test_a_line_end_in_the_variable_is_no_part_of_the_header(held):
    assert CONFIG.headers({"OTLP": held}) == {"authorization": "Bearer t"}


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ({}, "OTLP is not set"),
        ({"OTLP": "\n"}, "OTLP is not set"),
        ({"OTLP": "Bearer t\nx-more: u"}, "OTLP holds more than a line"),
    ],
)
def test_what_can_be_no_header_is_named_and_not_said(environment, what):
    with pytest.raises(ValueError, match=what) as refused:
        CONFIG.headers(environment)
    assert "Bearer" not in str(refused.value)
