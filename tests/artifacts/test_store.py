"""An artifact's directory: round trip, damage, and saves that do not finish."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.errors import ArtifactError
from artifacts.store import load, save
from serve_app.config import BUNDLED_ARTIFACT, artifact_directory


@pytest.fixture
def artifact() -> RoutingArtifact:
    return load(artifact_directory(BUNDLED_ARTIFACT))


def test_a_saved_artifact_decides_as_before(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    again = load(tmp_path / "a")

    assert again.manifest == artifact.manifest
    vector = artifact.centroids[7]
    assert again.choose(vector, 0.5) == artifact.choose(vector, 0.5)


def test_the_bundled_artifact_says_where_it_comes_from(artifact):
    manifest = artifact.manifest

    assert manifest.provenance.sources == ("zeroeval.jsonl.xz",)
    assert len(manifest.models) == 12
    assert manifest.metrics["best-single"]["cost_to_match_best"] == 1


@pytest.mark.parametrize(
    ("file", "content", "what"),
    [
        ("arrays.npz", b"nonsense", "not a readable archive"),
        ("manifest.json", b"{", "Invalid JSON"),
        ("manifest.json", b"{}", "artifact_id"),
    ],
)
def test_damage_is_named_with_its_file(artifact, tmp_path, file, content, what):
    save(artifact, tmp_path / "a")
    (tmp_path / "a" / file).write_bytes(content)

    with pytest.raises(ArtifactError, match=what) as error:
        load(tmp_path / "a")
    assert str(tmp_path / "a" / file) in str(error.value)


def test_changed_arrays_are_refused(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    with np.load(tmp_path / "a" / "arrays.npz") as archive:
        arrays = dict(archive)
    arrays["accuracy"][0, 0] += 0.1
    np.savez(tmp_path / "a" / "arrays.npz", **arrays)

    with pytest.raises(ArtifactError, match="digest"):
        load(tmp_path / "a")


def test_a_save_that_fails_leaves_the_old_artifact(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    before = (tmp_path / "a" / "manifest.json").read_bytes()

    def report(_: Path) -> None:
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        save(artifact, tmp_path / "a", write_report=report)

    assert (tmp_path / "a" / "manifest.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


SAVING = """
import sys
from pathlib import Path
from artifacts.store import load, save
artifact = load(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    save(artifact, Path(sys.argv[2]), encoder_directory=Path(sys.argv[3]))
"""


@pytest.mark.parametrize("delay_s", [0.02, 0.05, 0.11, 0.23])
def test_a_kill_during_a_save_leaves_a_whole_artifact(artifact, tmp_path, delay_s):
    source, target = tmp_path / "source", tmp_path / "target"
    save(artifact, source)
    shutil.copytree(source, target)
    small = tmp_path / "encoder"
    small.mkdir()
    (small / "encoder.json").write_text(json.dumps({}))
    command = [sys.executable, "-c", SAVING, str(source), str(target), str(small)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)

    assert load(target).artifact_id == artifact.artifact_id
