"""Artifacts saved at addresses, replaced there, and read again."""

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from artifacts.artifact import arrays_digest, arrays_of
from artifacts.errors import ArtifactError
from artifacts.location import check_destination, directory_of, encoder_at, save_at
from artifacts.store import ENCODER, load
from tests.artifacts.hand_made import altered, bundled


def test_what_was_saved_at_an_address_decides_as_before(memory, artifact, encoder):
    save_at(artifact, "memory://m/a", encoder_directory=encoder)

    directory = directory_of("memory://m/a")

    again = load(directory)
    assert again.manifest == artifact.manifest
    assert again.choose(artifact.centroids[3], 0.5) == artifact.choose(
        artifact.centroids[3], 0.5
    )
    for name in ("model.onnx", "tokenizer.json", "encoder.json"):
        bytes_here = (directory / ENCODER / name).read_bytes()
        assert bytes_here == (encoder / name).read_bytes()


def test_an_encoder_at_an_address_is_known_before_it_is_fetched(
    memory, cache, artifact, encoder
):
    save_at(artifact, "memory://m/a", encoder_directory=encoder)

    spec, files = encoder_at("memory://m/a")

    assert spec == artifact.manifest.encoder
    assert not cache.exists()
    assert files == (directory_of("memory://m/a") / ENCODER).resolve()
    assert files.is_dir()


def test_an_encoder_in_a_directory_is_there():
    assert encoder_at(str(bundled())) == (
        load(bundled()).manifest.encoder,
        bundled() / ENCODER,
    )


def test_paths_are_only_resolved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert directory_of("no/such") == tmp_path / "no" / "such"
    assert directory_of(f"file://{tmp_path}/a%20b") == tmp_path / "a b"


def test_a_path_that_is_no_address_is_refused():
    with pytest.raises(ArtifactError, match=r"file://\[x: it is not a valid address"):
        directory_of("file://[x")


def test_the_bundled_artifact_is_not_written_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ArtifactError, match=r"^default: it names the bundled"):
        check_destination("default")
    check_destination("./default")


def arrays_in(memory: MemoryFileSystem) -> list[str]:
    return [path for path in memory.find("/") if path.endswith(".npz")]


def test_replacing_shows_the_new_one_and_keeps_the_old_arrays(memory, artifact):
    other = altered(artifact)
    save_at(artifact, "memory://m/a")
    old = directory_of("memory://m/a")

    save_at(other, "memory://m/a")

    assert load(directory_of("memory://m/a")).artifact_id == other.artifact_id
    assert load(old).artifact_id == artifact.artifact_id
    assert len(arrays_in(memory)) == 2


class Failing(MemoryFileSystem):
    """The memory's store; every write after the first `left` fails."""

    protocol = "failing"
    left = 0

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.replace("failing://", "memory://"))

    def put_file(self, lpath, rpath, **options):
        if type(self).left == 0:
            raise TimeoutError("the network is gone")
        type(self).left -= 1
        super().put_file(lpath, rpath, **options)


@pytest.mark.parametrize("writes", range(5))
def test_an_upload_that_breaks_off_leaves_the_old_artifact(
    memory, artifact, encoder, writes
):
    fsspec.register_implementation("failing", Failing, clobber=True)
    save_at(artifact, "memory://m/a", encoder_directory=encoder)
    spec = artifact.manifest.encoder.model_copy(update={"revision": "another"})
    other = altered(artifact, encoder=spec)
    Failing.left = writes

    with pytest.raises(ArtifactError, match="the network is gone"):
        save_at(other, "failing://m/a", encoder_directory=encoder)

    assert load(directory_of("memory://m/a")).artifact_id == artifact.artifact_id


def test_a_broken_off_first_upload_can_be_repeated(memory, artifact, encoder):
    fsspec.register_implementation("failing", Failing, clobber=True)
    Failing.left = 1
    with pytest.raises(ArtifactError):
        save_at(artifact, "failing://m/a", encoder_directory=encoder)

    save_at(artifact, "memory://m/a", encoder_directory=encoder)

    assert load(directory_of("memory://m/a")).artifact_id == artifact.artifact_id


def test_a_foreign_manifest_is_not_replaced(memory):
    memory.pipe("/m/site/manifest.json", b'{"name": "a web application"}')

    with pytest.raises(ArtifactError, match=r"memory://m/site/manifest\.json: "):
        check_destination("memory://m/site")


def test_an_altered_artifact_is_another():
    artifact = load(bundled())

    arrays = arrays_of(artifact.centroids, artifact.profiles)
    assert arrays_digest(arrays) == artifact.artifact_id
    assert altered(artifact).artifact_id != artifact.artifact_id
