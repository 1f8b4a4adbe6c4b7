"""The HTTP client of upstreams, over HTTP/2 and real sockets."""

import orjson
import pytest

from deployments.backends.upstream import UpstreamClient
from deployments.catalog import Timeouts
from deployments.errors import UpstreamError
from scripts.upstream.api import Upstream
from scripts.upstream.listener import Listener
from scripts.upstream.tls import make_authority

FAULTS = ("goaway-abrupt", "goaway", "cut-rst", "stream-reset", "malformed-framing")


def body(fault: str) -> bytes:
    wanted = {"model": "m", "messages": [], "metadata": {"fault": f"{fault},after"}}
    return orjson.dumps(wanted)


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_answer_that_breaks_over_http2_is_an_upstream_error_with_its_id(
    fault, tmp_path, monkeypatch
):
    tls, authority = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    upstream = Upstream()
    listener = await Listener.open(upstream, tls=tls)
    client = UpstreamClient(f"{listener.url}/api/v1/", headers={}, http2=True)

    # Twice: only a stream that is not its connection's first can be disowned.
    for _ in range(2):
        with pytest.raises(UpstreamError) as raised:
            await client.post("chat/completions", body(fault), Timeouts(), "key")
        entry = upstream.ledger.entries[-1]
        assert raised.value.generation_id == (entry.id if entry.named else None)
        assert await client.get("models", {}, "key", 5.0) is not None

    assert upstream.ledger.entries[-1].protocol == "HTTP/2"
    await client.close()
    await listener.close()
