"""`avengers artifacts`: the admin API of a Gateway, as commands."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.serve_app.commands.accounts_cli import AccountsCli

CHANGES = {
    "object": "list",
    "data": [
        {
            "kind": "changed",
            "of": "rollout",
            "id": "*",
            "fields": {"active": {"before": None, "after": "july"}},
        }
    ],
}
LISTED = {
    "name": "july",
    "artifact_id": "ab" * 32,
    "models": ["a", "b"],
    "n_clusters": 60,
    "used_by": ["the gateway"],
    "error": None,
}
BROKEN = {"name": "gone", "artifact_id": None, "used_by": [], "error": "No such file"}


class Gateway:
    """Answers every request alike, and writes down what was asked."""

    def __init__(self) -> None:
        self.answer: dict[str, object] = CHANGES
        self.asked: list[tuple[str, str, object]] = []
        self.keys: set[str] = set()


@contextmanager
def listening(gateway: Gateway) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.removeprefix("/admin/v1")
            gateway.asked.append((self.command, path, body))
            gateway.keys.add(self.headers["authorization"])
            content = json.dumps(gateway.answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def gateway(monkeypatch) -> Iterator[Gateway]:
    made = Gateway()
    with listening(made) as url:
        monkeypatch.setenv("AVENGERS_URL", url)
        monkeypatch.setenv("AVENGERS_ADMIN_KEY", "secret")
        yield made


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys) -> AccountsCli:
    return AccountsCli(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (
            "register july /a/july",
            ("PUT", "/artifacts/july", {"location": "/a/july"}),
        ),
        ("remove july", ("DELETE", "/artifacts/july", None)),
        ("activate july", ("POST", "/rollout/activate", {"artifact": "july"})),
        (
            "activate july --tenant acme",
            ("POST", "/tenants/acme/rollout/activate", {"artifact": "july"}),
        ),
        ("rollback", ("POST", "/rollout/rollback", None)),
        (
            "canary july 2.5",
            ("PUT", "/rollout/canary", {"artifact": "july", "percent": 2.5}),
        ),
        (
            "shadow july 100 --tenant a/b",
            (
                "PUT",
                "/tenants/a%2Fb/rollout/shadow",
                {"artifact": "july", "percent": 100},
            ),
        ),
    ],
)
def test_a_command_is_one_request_and_prints_what_changed(cli, gateway, words, asked):
    run = cli.run("artifacts", *words.split())

    assert gateway.asked == [asked]
    assert gateway.keys == {"Bearer secret"}
    assert (run.code, run.err) == (0, "")
    for told in ("rollout", "active", '"july"'):
        assert told in run.out


@pytest.mark.parametrize("kind", ["canary", "shadow"])
def test_none_per_cent_ends_what_is_named_and_nothing_else(cli, gateway, kind):
    gateway.answer = {**CHANGES, kind: {"artifact": "july", "percent": 5.0}}
    assert cli.run("artifacts", kind, "july", "0").code == 0
    read, ended = ("GET", "/rollout", None), ("DELETE", f"/rollout/{kind}", None)
    assert gateway.asked == [read, ended]

    run = cli.run("artifacts", kind, "june", "0")
    assert (run.code, gateway.asked[2:]) == (2, [read])
    assert f"the {kind} is 'july', not 'june'" in run.err


@pytest.mark.parametrize("command", ["rollback", "activate july", "canary july 5"])
def test_a_tenant_without_a_name_is_not_all_of_them(cli, gateway, command):
    run = cli.run("artifacts", *command.split(), "--tenant", "")

    assert (run.code, gateway.asked) == (2, [])
    assert "--tenant: a tenant's id was expected" in run.err


def test_the_list_says_who_uses_them_and_what_is_wrong(cli, gateway):
    gateway.answer = {"object": "list", "data": [LISTED, BROKEN]}
    table = cli.run("artifacts", "list").out

    for told in ("july", "abababababab", "60", "the gateway", "No such file"):
        assert told in table
    as_json = cli.run("artifacts", "list", "--json").out
    assert json.loads(as_json) == [LISTED, BROKEN]


def test_a_comparison_is_json(cli, gateway):
    gateway.answer = {"object": "shadow", "data": []}
    run = cli.run("artifacts", "compare", "july")

    assert json.loads(run.out) == gateway.answer
    assert gateway.asked == [("GET", "/artifacts/july/shadow", None)]


def test_what_the_gateway_refuses_is_one_line(cli, gateway):
    gateway.answer = {"error": {"message": "artifact: there is no artifact 'x'."}}
    run = cli.run("artifacts", "activate", "x")

    assert (run.code, run.out) == (2, "")
    assert run.err.endswith(": artifact: there is no artifact 'x'.\n")
    assert run.err.count("\n") == 1


def test_without_a_key_nobody_is_asked(cli, gateway, monkeypatch):
    monkeypatch.delenv("AVENGERS_ADMIN_KEY")
    run = cli.run("artifacts", "list")

    assert run.code == 2
    assert run.err == "avengers: --key-env: AVENGERS_ADMIN_KEY is not set\n"
    assert gateway.asked == []


def test_a_key_from_a_file_may_end_with_the_line(cli, gateway, monkeypatch):
    monkeypatch.setenv("AVENGERS_ADMIN_KEY", "secret\n")

    assert cli.run("artifacts", "rollback").code == 0
    assert gateway.keys == {"Bearer secret"}


@pytest.mark.parametrize("key", ["sk-av-first\nsk-av-second", "sk-av-caf\u00e9"])
def test_what_is_no_key_is_not_said(cli, gateway, monkeypatch, key):
    monkeypatch.setenv("AVENGERS_ADMIN_KEY", key)
    run = cli.run("artifacts", "list")

    assert (run.code, gateway.asked) == (2, [])
    said = "avengers: --key-env: what AVENGERS_ADMIN_KEY holds is no key\n"
    assert run.err == said
