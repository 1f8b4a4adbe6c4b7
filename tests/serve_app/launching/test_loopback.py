"""Where Serve's servers listen in a worker that the hook has set up."""

import os
import subprocess
import sys

import pytest

from serve_app.launching.ports import is_free

PROGRAM = """
import asyncio, sys
from serve_app.launching.loopback import bind_replicas

bind_replicas()

import psutil
from ray.serve._private import proxy, replica
from ray.serve.config import HTTPOptions

async def app(scope, receive, send): ...

async def started(module, port):
    options = HTTPOptions(host="0.0.0.0", port=port)
    loop = asyncio.get_running_loop()
    task, server = await module.start_asgi_http_server(app, options, event_loop=loop)
    while not server.started:
        await asyncio.sleep(0.01)

async def main():
    for module, port in zip((proxy, replica), map(int, sys.argv[1:])):
        await started(module, port)
    found = psutil.Process().net_connections(kind="tcp")
    print(*sorted(each.laddr.ip for each in found if each.status == "LISTEN"))

asyncio.run(main())
"""


@pytest.mark.parametrize(("haproxy", "address"), [("1", "127.0.0.1"), ("0", "0.0.0.0")])
def test_behind_haproxy_nothing_listens_for_http_but_on_loopback(haproxy, address):
    ports = [port for port in range(18000, 19000) if is_free(port, host="0.0.0.0")]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, ports[:2])],
        env=os.environ | {"RAY_SERVE_ENABLE_HA_PROXY": haproxy},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.stdout.split() == [address] * 2, ran.stderr
