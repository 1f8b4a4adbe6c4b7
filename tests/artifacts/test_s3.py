"""A real S3 server on 127.0.0.1."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from artifacts import location
from artifacts.errors import ArtifactError
from artifacts.location import directory_of, save_at
from artifacts.store import load
from tests.artifacts.hand_made import altered

ROOT = Path(__file__).parents[2]
MAIN = "from serve_app.cli import main; main()"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server, cache, monkeypatch) -> Iterator[fsspec.AbstractFileSystem]:
    s3fs = pytest.importorskip("s3fs")
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    fs = fsspec.filesystem("s3")
    if not fs.exists("bucket"):
        fs.mkdir("bucket")
    yield fs
    fs.rm("bucket/a", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_an_artifact_goes_to_s3_and_back(s3, artifact, encoder):
    other = altered(artifact)
    save_at(artifact, "s3://bucket/a", encoder_directory=encoder)
    first = directory_of("s3://bucket/a")
    save_at(other, "s3://bucket/a", encoder_directory=encoder)

    assert load(first).artifact_id == artifact.artifact_id
    assert load(directory_of("s3://bucket/a")).artifact_id == other.artifact_id
    names = [path.removeprefix("bucket/a/") for path in s3.find("bucket/a")]
    assert sum(name.startswith("encoders/") for name in names) == 4
    assert sum(name.startswith("arrays/") for name in names) == 2


def test_a_bucket_that_does_not_exist_is_one_line(s3, artifact):
    save_at(artifact, "s3://bucket/a")
    with pytest.raises(ArtifactError) as error:
        save_at(artifact, "s3://no-such-bucket/a")

    assert str(error.value).startswith("s3://no-such-bucket/a/")
    assert "\n" not in str(error.value)


def avengers(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_takes_addresses_wherever_an_artifact_is_named(s3, tmp_path):
    records = tmp_path / "r.jsonl"
    usage = {"a": {"cost": 0.1}, "b": {"cost": 0.3}}
    lines = [
        json.dumps(
            {"query": f"q {i}", "records": {"a": i % 2, "b": 1}, "usages": usage}
        )
        for i in range(60)
    ]
    records.write_text("\n".join(lines))
    options = ("--clusters", 4, "--embeddings", tmp_path / "e")

    fitted = avengers("fit", records, "-o", "s3://bucket/a", *options)
    shown = avengers("inspect", "s3://bucket/a", "--json")
    routed = avengers("route", "q 3", "--artifact", "s3://bucket/a", "--json")

    assert (fitted.returncode, fitted.stderr) == (0, "")
    assert "wrote s3://bucket/a" in fitted.stdout
    assert json.loads(shown.stdout)["n_clusters"] == 4
    assert (
        json.loads(routed.stdout)["artifact_id"]
        == json.loads(shown.stdout)["artifact_id"]
    )
    assert not list(Path(location.__file__).parents[1].glob("s3:*"))
    assert (tmp_path / "e" / "vectors.f32").stat().st_size == 60 * 384 * 4
