"""Addresses of several kinds: drivers, the web, and what errors show."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from artifacts.errors import ArtifactError
from artifacts.location import check_destination, directory_of
from artifacts.remote import RemoteFolder
from artifacts.store import ENCODER, load, save


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("memory://no/such", "memory://no/such/manifest.json: No such file"),
        ("nosuch://b/a", "nosuch://b/a: Protocol not known: nosuch"),
    ],
)
def test_an_address_with_nothing_behind_it_is_named(memory, address, what):
    with pytest.raises(ArtifactError) as error:
        directory_of(address)

    assert str(error.value) == what


def test_what_is_no_address_is_refused_without_its_secrets(cache):
    for refused in (directory_of, check_destination):
        with pytest.raises(ArtifactError) as error:
            refused("s3://me:hush@[bucket/a?token=hush")

        assert str(error.value) == "s3://…: it is not a valid address"


def test_a_missing_driver_names_the_extra(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)

    with pytest.raises(ArtifactError, match=r"gcsfs.* it is in the extra `remote`"):
        directory_of("gs://bucket/a")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture
def web(tmp_path, artifact, encoder, cache) -> Iterator[str]:
    save(artifact, tmp_path / "web" / "a", encoder_directory=encoder)
    handler = partial(Quiet, directory=str(tmp_path / "web"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_web_is_read(web, artifact):
    directory = directory_of(f"http://{web}/a?token=hush")

    assert load(directory).artifact_id == artifact.artifact_id
    assert (directory / ENCODER / "model.onnx").exists()


def test_many_at_once_fetch_one_artifact(web, cache, artifact):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(directory_of, [f"http://{web}/a"] * 8))

    assert len(found) == 1
    assert load(found.pop()).artifact_id == artifact.artifact_id
    assert not list(cache.rglob(".*"))


def test_the_web_is_not_written(web, artifact):
    with pytest.raises(ArtifactError, match="this address can only be read"):
        check_destination(f"http://{web}/a")


@pytest.mark.parametrize("address", ["http://me:hush@{}/b", "http://{}/b?token=hush"])
def test_no_error_shows_a_secret_of_the_address(web, address):
    with pytest.raises(ArtifactError) as error:
        directory_of(address.format(web))

    assert "hush" not in str(error.value)
    assert str(error.value).startswith(f"http://{web}/b/manifest.json: ")


def test_a_file_that_would_lie_outside_its_folder_is_refused(memory):
    memory.pipe("/m/a/encoder/weights", b"")
    assert RemoteFolder("memory://m/a").names("encoder") == ["weights"]
    memory.store["/m/a/encoder/../../evil"] = memory.store["/m/a/encoder/weights"]

    with pytest.raises(ArtifactError, match=r"'\.\./\.\./evil' is no file's name"):
        RemoteFolder("memory://m/a").names("encoder")
