"""Labels from our own gateway: Inspect asks it, `avengers import` reads, `fit` fits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from artifacts.records import RecordReader
from serve_app.commands.serve import LOCAL_CONFIG
from tests.integration.conftest import KEY, SIMULATED

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
MODELS = (SIMULATED, "gpt-4o-mini-2024-07-18")
PROVIDER = "openai-api/avengers"


@pytest.fixture(scope="module")
def logs(served, tmp_path_factory):
    """Inspect's logs of our ARC task, asked of two models of the gateway by name."""
    folder = tmp_path_factory.mktemp("inspect")
    (folder / "puzzles").mkdir()
    for colour in range(1, 7):
        train = [{"input": [[9, 0]], "output": [[0, 9]]}]
        test = [{"input": [[colour, 0]], "output": [[0, colour]]}]
        text = json.dumps({"train": train, "test": test})
        (folder / f"puzzles/{colour}.json").write_text(text, encoding="utf-8")
    run(
        *("-m", "inspect_ai", "eval", "scripts/inspect"),
        *("-T", f"folder={folder / 'puzzles'}", "--log-dir", folder / "logs"),
        *("--model", ",".join(f"{PROVIDER}/{model}" for model in MODELS)),
        *("--display", "none", "--max-tokens", 20),
        AVENGERS_API_KEY=KEY,
        AVENGERS_BASE_URL=f"{served.url}/v1",
    )
    return folder / "logs"


def run(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def avengers(*arguments):
    return run("-c", "from serve_app.cli import main; main()", *arguments)


def test_what_inspect_measured_at_the_gateway_becomes_an_artifact(logs, tmp_path):
    records, artifact = tmp_path / "records.jsonl.xz", tmp_path / "artifact"
    names = [("--model-name", f"{PROVIDER}/{model}={model}") for model in MODELS]
    options = (
        "--catalog",
        LOCAL_CONFIG,
        "--json",
        *(part for n in names for part in n),
    )

    coverage = json.loads(avengers("import", "inspect", logs, "-o", records, *options))
    avengers("fit", records, "-o", artifact, "--clusters", 2, "--policy", "paper")

    assert coverage["scored"] == {model: {"arc_agi": 6} for model in sorted(MODELS)}
    assert coverage["gaps"] == 0
    dataset = RecordReader().read([records])
    assert dataset.models == tuple(sorted(MODELS))
    # Neither the simulator nor the test's upstream can do it: these zeros are real.
    assert dataset.score.tolist() == [[0, 0]] * 6
    assert (dataset.cost_usd > 0).all()
    assert (artifact / "manifest.json").exists()
