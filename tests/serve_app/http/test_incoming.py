"""What the URL and the headers ask for."""

import pytest
from starlette.requests import Request

from deployments.errors import InvalidRequest, PayloadTooLarge
from serve_app.http.incoming import asked, read_body, request_id

HOSTS = {"gold.example.com": "gold"}


def request(host: str, tier: str | None = None) -> Request:
    return Request(
        {
            "type": "http",
            "scheme": "https",
            "server": ("10.0.0.1", 8000),
            "path": "/",
            "headers": [(b"host", host.encode())],
            "path_params": {"cost_tier": tier} if tier else {},
        }
    )


@pytest.mark.parametrize(
    ("host", "tier", "expected"),
    [
        ("gold.example.com", None, "gold"),
        ("Gold.Example.com:8443", None, "gold"),
        ("gold.example.com", "gold", "gold"),
        ("example.com", None, None),
        ("example.com", "economy", "economy"),
        ("", None, None),
    ],
)
def test_host_or_path_name_the_cost_tier(host, tier, expected):
    assert asked(request(host, tier), HOSTS).cost_tier == expected


def test_host_and_path_that_name_two():
    with pytest.raises(InvalidRequest, match="'gold', the path of 'economy'"):
        asked(request("gold.example.com", "economy"), HOSTS)


@pytest.mark.parametrize("host", ["gold.example.com", "a b", "[::1"])
def test_without_hosts_the_header_is_not_looked_at(host):
    assert asked(request(host)).cost_tier is None


@pytest.mark.parametrize("host", ["[::1", "a b", "x:y", "\xff"])
def test_a_host_that_is_none_names_nothing(host):
    assert asked(request(host), HOSTS).cost_tier is None


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_a_header_says_alpha(alpha):
    headers = [(b"x-routing-alpha", str(alpha).encode())]
    scope = {"type": "http", "headers": headers, "path_params": {}}

    assert asked(Request(scope)).alpha == alpha


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("abc", "abc"),
        ("x" * 999, "x" * 128),
        ("Zürich-1", "Zürich-1"),
        ("é" * 999, "é" * 128),
    ],
)
def test_of_a_client_s_own_id_no_more_is_kept_than_an_id_needs(stated, known):
    headers = [(b"x-request-id", stated.encode())]

    assert request_id(Request({"type": "http", "headers": headers})) == known


@pytest.mark.parametrize("headers", [[], [(b"x-request-id", b"")]])
def test_a_request_without_an_id_gets_its_own(headers):
    made = [request_id(Request({"type": "http", "headers": headers})) for _ in "ab"]

    assert made[0] != made[1]


@pytest.mark.parametrize("stated", [True, False])
async def test_a_body_may_be_as_long_as_the_limit_and_no_longer(stated):
    async def sent(body: bytes) -> bytes:
        length = [(b"content-length", str(len(body)).encode())] if stated else []
        parts = iter([body[:3], body[3:]])

        async def receive():
            part = next(parts)
            more = part != body[3:]
            return {"type": "http.request", "body": part, "more_body": more}

        http = Request({"type": "http", "headers": length}, receive)
        return await read_body(http, 8, within_s=60)

    assert await sent(b"12345678") == b"12345678"
    with pytest.raises(PayloadTooLarge):
        await sent(b"123456789")
