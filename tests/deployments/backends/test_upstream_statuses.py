"""What an upstream's status and its Retry-After are taken for."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from deployments.backends.retry_after import retry_after_s
from deployments.backends.upstream_errors import error_of
from deployments.errors import (
    RateLimited,
    UpstreamError,
    UpstreamForbids,
    UpstreamRefusal,
    UpstreamTimeout,
)
from tests.deployments.backends.openrouter_answers import REQUEST, backend


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("7", 7.0),
        ("-1", 0.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        (f"Wed, 21 Oct {'9' * 20} 07:28:00 GMT", None),
    ],
)
async def test_a_rate_limit_says_when_to_come_back(stated, seconds):
    response = httpx.Response(429, headers={"retry-after": stated})

    with pytest.raises(RateLimited) as raised:
        await backend(response).complete(REQUEST)

    assert raised.value.retry_after_s == seconds


@pytest.mark.parametrize(
    ("ahead_h", "least_s", "most_s"), [(1, 3500, 3600), (-1, 0, 0)]
)
@pytest.mark.parametrize("zone", [" GMT", " -0000", ""])
def test_when_to_come_back_may_be_a_date(zone, ahead_h, least_s, most_s):
    """In GMT, as HTTP has it; so it is read where it names no zone."""
    when = datetime.now(UTC) + timedelta(hours=ahead_h)
    date = format_datetime(when, usegmt=True).removesuffix(" GMT") + zone

    seconds = retry_after_s(date)
    assert seconds is not None
    assert least_s <= seconds <= most_s


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, UpstreamRefusal, "upstream_authentication"),
        (402, UpstreamRefusal, "upstream_insufficient_credits"),
        (403, UpstreamForbids, "upstream_permission"),
        (404, UpstreamRefusal, "upstream_model_not_found"),
        (408, UpstreamTimeout, "upstream_timeout"),
        (429, RateLimited, "upstream_rate_limit"),
        (500, UpstreamError, "upstream_error"),
        (504, UpstreamTimeout, "upstream_timeout"),
        (524, UpstreamTimeout, "upstream_timeout"),
    ],
)
def test_each_status_has_the_code_that_clients_are_told_of(status, kind, code):
    error = error_of(status)

    assert (type(error), error.code) == (kind, code)
