"""The real Locust against a server of a few lines; the gateway: tests/integration."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread

import psutil
import pytest

ROOT = Path(__file__).parents[3]
ANSWER = b'{"choices":[{"message":{"content":"42"}}]}'
# As ingresses and API gateways say it: nothing in it is OpenAI's.
PROXY_SAYS = b'{"status":503,"error":"Service Unavailable"}'
TOKEN = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'

RUN = (sys.executable, "-m", "scripts.loadtest.run")
# With a host no gateway is started here, whatever becomes of the options.
NOBODY = (*RUN, "--host", "http://127.0.0.1:9")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    statuses = (200, 503)  # in turn
    takes_s = 0.0
    hangs_after: int | None = None  # requests

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.counting = 0, Lock()
        self.was_asked, self.was_asked_often, self.closing = Event(), Event(), Event()


class Handler(BaseHTTPRequestHandler):
    """Answers some requests; a proxy answers the others, or nobody does."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        stream = b'"stream": true' in self.rfile.read(
            int(self.headers["content-length"])
        )
        server = self.server
        with server.counting:
            server.asked += 1
        if server.asked > 2:
            server.was_asked.set()
        if server.asked > 200:  # workers report every three seconds
            server.was_asked_often.set()
        hangs = server.hangs_after is not None and server.asked > server.hangs_after
        if hangs and stream:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(TOKEN)
        if hangs:
            server.closing.wait(120)
            return
        server.closing.wait(server.takes_s)
        self._say(stream)

    def _say(self, stream: bool) -> None:
        status = self.server.statuses[self.server.asked % len(self.server.statuses)]
        good = TOKEN + b"data: [DONE]\n\n" if stream else ANSWER
        body = good if status == 200 else PROXY_SAYS
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        Thread(target=running.serve_forever).start()
        yield running
        running.closing.set()
        running.shutdown()


def command(server: Server, report: Path, *arguments: str) -> list[str]:
    return [
        *RUN,
        *("--host", f"http://127.0.0.1:{server.server_port}", "--report", str(report)),
        *("--stream-share", "0", "--think-s", "0.05", "--users", "2"),
        *arguments,
    ]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "AVENGERS_KEY": "sk-av-any"}


def ended(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def run(
    server: Server, report: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return ended(*command(server, report, *arguments))


def test_errors_in_words_of_a_proxy_fail_the_run(server, tmp_path):
    done = run(server, tmp_path, "--seconds", "2")

    assert done.returncode == 1, done.stderr
    assert "threshold not kept: error rate is 0." in done.stderr
    assert "status 503: Service Unavailable" in done.stdout + done.stderr


@pytest.mark.parametrize("stream_share", ["0", "1"])
@pytest.mark.parametrize("workers", [(), ("--processes", "2")])
def test_a_gateway_that_answers_no_more_at_the_end_fails_the_run(
    workers, stream_share, server, tmp_path
):
    server.statuses, server.hangs_after = (200,), 4
    limits = ("--max-error-rate", "1", "--max-p95-first-token-ms", "-1")

    done = run(
        server,
        tmp_path,
        *("--seconds", "4", "--stream-share", stream_share, *limits, *workers),
        *("--", "--stop-timeout", "1"),
    )

    assert done.returncode == 1, done.stderr
    assert re.search("[12] requests were still not answered at", done.stderr)
    if not workers:  # on a busy machine theirs may come too late: they are told
        assert "not answered 1 s after its user was to stop" in done.stderr
        assert f"{server.asked} requests, 2 failed" in done.stderr


@pytest.mark.parametrize("workers", [(), ("--processes", "2")])
def test_what_is_under_way_at_the_end_is_waited_for(workers, server, tmp_path):
    server.statuses, server.takes_s = (200,), 1.5

    done = run(server, tmp_path, "--seconds", "4", *workers)

    assert done.returncode == 0, done.stderr
    (told,) = re.findall(r"(\d+) requests, 0 failed", done.stderr)
    assert int(told) == server.asked > 0


def test_a_rate_is_of_answers_and_not_of_errors(server, tmp_path):
    server.statuses = (503, 429)
    limits = ("--max-error-rate", "-1", "--max-refused-rate", "-1")

    done = run(
        server, tmp_path, "--seconds", "5", *limits, "--min-requests-per-s", "0.01"
    )

    assert done.returncode == 1, done.stderr
    assert "threshold not kept: answers/s is 0, allowed ≥ 0.01" in done.stderr


def test_a_run_that_is_told_to_end_leaves_nothing(server, tmp_path):
    with subprocess.Popen(
        command(server, tmp_path, "--seconds", "60"),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        assert server.was_asked.wait(60)
        children = psutil.Process(run.pid).children(recursive=True)

        run.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(children, timeout=60)
        for left in alive:
            left.kill()

        assert children
        assert alive == []
    assert run.returncode == 128 + signal.SIGTERM


def test_ctrl_c_leaves_the_report_and_the_verdict(server, tmp_path):
    # Whoever runs the tests may ignore the signal, and what it starts would, too.
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = f"{heeds} from scripts.loadtest.run import main; raise SystemExit(main())"
    limits = ("--max-error-rate", "-1")
    arguments = command(server, tmp_path, "--seconds", "60", *limits)[len(RUN) :]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        assert server.was_asked.wait(60)

        os.killpg(run.pid, signal.SIGINT)
        said, _ = run.communicate(timeout=60)

    assert run.returncode == 0, said
    assert "all thresholds kept" in said
    assert "loadtest/run.py" not in said  # no traceback of ours
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("number", "how_many", "seconds", "says"),
    [
        (signal.SIGKILL, 2, "60", "2 workers of the load test were lost"),
        # Those that go in order say so, one after the other.
        (signal.SIGTERM, 2, "60", "ended before its time|of the load test were lost"),
        (signal.SIGTERM, 1, "15", "1 workers of the load test were lost"),
    ],
)
def test_a_run_whose_workers_go_is_not_good(  # noqa: PLR0913  (fixtures, too)
    number, how_many, seconds, says, server, tmp_path
):
    arguments = ("--seconds", seconds, "--processes", "2", "--max-error-rate", "-1")
    with subprocess.Popen(
        command(server, tmp_path, *arguments),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert server.was_asked_often.wait(60)
        (master,) = psutil.Process(run.pid).children()
        for worker in master.children()[:how_many]:
            worker.send_signal(number)
        said, _ = run.communicate(timeout=60)

    assert run.returncode == 1, said
    assert re.search(says, said)


@pytest.mark.parametrize(
    "option",
    [
        *("--users=0", "--seconds=0", "--stream-share=2", "--max-error-rate=nan"),
        *("--host=gateway.example", f"--report={Path(__file__)}", "--web-port=0"),
    ],
)
def test_an_option_that_could_not_be_kept_is_refused(option):
    done = ended(*NOBODY, option)

    assert done.returncode == 2
    assert option.partition("=")[0] in done.stderr.splitlines()[-1]


def test_questions_that_cannot_be_read_are_told_before_the_run(tmp_path):
    missing = tmp_path / "questions.jsonl"
    done = ended(*NOBODY, "--queries", str(missing))

    assert done.returncode == 2
    assert done.stderr == f"{missing}: No such file or directory\n"


@pytest.mark.parametrize("stream_share", ["0", "1"])
def test_what_cannot_be_reached_is_said_to_be_so(stream_share, tmp_path):
    done = ended(
        *(*NOBODY, "--seconds", "1", "--users", "1", "--think-s", "0.1"),
        *("--stream-share", stream_share, "--report", str(tmp_path)),
    )

    assert done.returncode == 1
    assert "no answer: [Errno 111] Connection refused" in done.stdout + done.stderr
