"""What is fetched, what is kept, and what is refused."""

import shutil
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from artifacts.cache import cache_directory
from artifacts.errors import ArtifactError
from artifacts.location import directory_of, save_at
from artifacts.store import ENCODER, load, save
from tests.artifacts.hand_made import altered


@pytest.fixture
def stored(memory, artifact, encoder) -> None:
    """The artifact with its encoder at memory://m/a."""
    save_at(artifact, "memory://m/a", encoder_directory=encoder)


def test_an_artifact_without_encoder_files_is_read_as_well(memory, artifact):
    save_at(artifact, "memory://m/a")

    directory = directory_of("memory://m/a")

    assert load(directory).artifact_id == artifact.artifact_id
    assert not (directory / ENCODER).exists()


def test_a_copied_directory_is_read_as_well(memory, artifact, encoder, tmp_path):
    save(artifact, tmp_path / "a", encoder_directory=encoder)
    memory.put(f"{tmp_path}/a/", "/m/copied/", recursive=True)

    directory = directory_of("memory://m/copied/")

    assert load(directory).artifact_id == artifact.artifact_id
    assert (directory / ENCODER / "model.onnx").exists()


def test_an_encoder_is_fetched_for_those_who_ask_for_it(stored, cache, artifact):
    directory = directory_of("memory://m/a", encoder=False)

    assert load(directory).artifact_id == artifact.artifact_id
    assert not (cache / "encoders").exists()
    for _ in range(2):
        assert directory_of("memory://m/a") == directory
        assert (directory / ENCODER / "model.onnx").exists()
        assert directory_of("memory://m/a", encoder=False) == directory


def test_what_the_cache_has_is_not_fetched_again(memory, artifact, encoder):
    save_at(artifact, "memory://m/a", encoder_directory=encoder)
    first = directory_of("memory://m/a")
    for path in memory.find("/m/a"):
        if not path.endswith("manifest.json"):
            memory.rm(path)

    assert directory_of("memory://m/a") == first


def test_a_new_manifest_for_the_same_arrays_fetches_only_itself(
    memory, artifact, encoder
):
    save_at(artifact, "memory://m/a", encoder_directory=encoder)
    directory_of("memory://m/a")
    changed = artifact.manifest.model_copy(update={"seed": 77})
    memory.pipe("/m/b/manifest.json", changed.model_dump_json().encode())

    directory = directory_of("memory://m/b")

    assert load(directory).manifest.seed == 77
    assert (directory / ENCODER / "model.onnx").exists()


@pytest.mark.parametrize(
    ("ending", "what", "kept"),
    [
        (".npz", "not a readable archive", []),
        ("model.onnx", "encoder: its digest is not the manifest's", ["arrays.npz"]),
    ],
)
def test_a_damaged_download_is_refused_and_not_kept(memory, stored, ending, what, kept):
    [path] = [path for path in memory.find("/m/a") if path.endswith(ending)]
    memory.pipe(path, b"\xff" + memory.cat(path)[1:-9])

    for _ in range(2):  # not the second time either
        with pytest.raises(ArtifactError, match=what) as error:
            directory_of("memory://m/a")
        assert str(error.value).startswith("memory://m/a/")
    found = [path.name for path in cache_directory().rglob("*") if path.is_file()]
    assert found == kept


def test_a_manifest_with_other_arrays_is_refused(memory, artifact):
    other = altered(artifact)
    save_at(other, "memory://m/b")
    arrays = f"/m/b/arrays/{other.artifact_id}.npz"
    memory.copy(arrays, "/m/a/arrays.npz")
    memory.pipe("/m/a/manifest.json", artifact.manifest.model_dump_json().encode())

    with pytest.raises(ArtifactError, match=r"m/a/arrays\.npz: its digest is not"):
        directory_of("memory://m/a")


def test_a_replacement_during_the_download_is_followed(memory, artifact):
    other = altered(artifact)
    save_at(other, "memory://m/b")
    arrays = memory.cat(f"/m/b/arrays/{other.artifact_id}.npz")
    old, new = (x.manifest.model_dump_json().encode() for x in (artifact, other))

    class Replaced(MemoryFileSystem):
        protocol = "replaced"
        manifests: ClassVar = [old, new]

        def cat_file(self, path, **options):
            return self.manifests.pop(0)

        def get_file(self, rpath, lpath, **options):
            if not rpath.endswith("c/arrays.npz"):
                raise FileNotFoundError(rpath)
            Path(lpath).write_bytes(arrays)

    fsspec.register_implementation("replaced", Replaced, clobber=True)

    directory = directory_of("replaced://m/c")

    assert load(directory).artifact_id == other.artifact_id


class Flaky(MemoryFileSystem):
    """The memory's store; one read of a file whose name ends so fails."""

    protocol = "flaky"
    ending: ClassVar[str | None] = None

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.replace("flaky://", "memory://"))

    def get_file(self, rpath, lpath, **options):
        if (ending := type(self).ending) and rpath.endswith(ending):
            type(self).ending = None
            raise TimeoutError("slow down")
        super().get_file(rpath, lpath, **options)


@pytest.mark.parametrize("ending", [".npz", "encoder.json", "model.onnx"])
def test_a_download_that_failed_once_is_said_and_made_good(stored, artifact, ending):
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    Flaky.ending = ending

    with pytest.raises(ArtifactError, match="slow down"):
        directory_of("flaky://m/a")
    directory = directory_of("flaky://m/a")

    assert load(directory).artifact_id == artifact.artifact_id
    assert (directory / ENCODER / "model.onnx").exists()


def test_an_encoder_that_arrives_later_is_fetched(memory, artifact, encoder, tmp_path):
    """A directory is copied file by file, the small ones first."""
    save(artifact, tmp_path / "a", encoder_directory=encoder)
    memory.put(f"{tmp_path}/a/", "/m/copied/", recursive=True)
    memory.mv("/m/copied/encoder", "/m/later", recursive=True)
    without = directory_of("memory://m/copied")
    memory.mv("/m/later", "/m/copied/encoder", recursive=True)

    directory = directory_of("memory://m/copied")

    assert directory == without
    assert (directory / ENCODER / "model.onnx").exists()


def test_a_cache_that_lost_a_part_fetches_it(memory, cache, artifact, encoder):
    save_at(artifact, "memory://m/a", encoder_directory=encoder)
    directory = directory_of("memory://m/a")
    shutil.rmtree(cache / "arrays")

    assert directory_of("memory://m/a") == directory
    assert load(directory).artifact_id == artifact.artifact_id


def test_an_id_that_leads_out_of_the_cache_is_refused(memory, artifact, tmp_path):
    changes = {"artifact_id": "../../outside/x"}
    manifest = artifact.manifest.model_copy(update=changes)
    memory.pipe("/m/a/manifest.json", manifest.model_dump_json().encode())

    with pytest.raises(ArtifactError, match=r"m/a/manifest\.json: artifact_id: "):
        directory_of("memory://m/a")

    assert not (tmp_path / "outside").exists()
