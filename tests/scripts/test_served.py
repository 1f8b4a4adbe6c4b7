"""How a measurement starts the gateway; a script of a few lines stands in for it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from scripts import served as module
from scripts.served import served, served_as

ROOT = Path(__file__).parents[2]
STAND_IN = """\
#!/bin/sh
echo "key for OpenRouter: '$OPENROUTER_API_KEY'"
echo "ready: http://127.0.0.1:1"
exec sleep 60
"""
MEASUREMENT = """
import signal, sys, time
from pathlib import Path
from scripts import served

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who runs the tests may ignore it
served.ROOT = Path(sys.argv[1])
with served.served() as graph:
    print(graph.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts/serve"
    script.write_text(STAND_IN)
    script.chmod(0o755)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("stated", "known"), [(None, ""), ({"OPENROUTER_API_KEY": "up"}, "up")]
)
def test_a_key_that_is_set_here_pays_for_no_measurement(
    stand_in, monkeypatch, stated, known
):
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-of-the-developer")

    with served(environment=stated) as graph:
        assert f"key for OpenRouter: '{known}'" in graph.said


def test_an_address_that_comes_in_parts_is_waited_for(stand_in):
    parts = ("\\303", "\\251\\nready: http://127.0.0.1:1", "2345\\n")
    said = "sleep 0.3; ".join(f"printf '{part}'; " for part in parts)
    script = stand_in / "scripts/serve"
    script.write_text(f"#!/bin/sh\n{said} exec sleep 60\n")

    with served() as graph:
        assert graph.url == "http://127.0.0.1:12345"


def test_a_configuration_is_served_and_what_is_printed_is_found(stand_in, tmp_path):
    script = stand_in / "scripts/serve"
    shown = 'sed "s/^/told: /" "$4"; echo "key: $KEY"; echo "ready: http://127.0.0.1:1"'
    script.write_text(f"#!/bin/sh\n{shown}\nexec sleep 60\n")

    with served_as({"alpha": 0.5}, tmp_path, KEY="up") as graph:
        assert graph.said_of("told") == "alpha: 0.5"
        assert graph.said_of("key") == "up"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_measurement_that_is_told_to_end_leaves_no_gateway(stand_in, number):
    with subprocess.Popen(
        [sys.executable, "-c", MEASUREMENT, str(stand_in)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as measurement:
        assert measurement.stdout is not None
        gateway = psutil.Process(int(measurement.stdout.readline()))

        measurement.send_signal(number)
        _, alive = psutil.wait_procs([gateway], timeout=30)
        for left in alive:
            left.kill()

    assert alive == []
    assert measurement.returncode == 128 + number
