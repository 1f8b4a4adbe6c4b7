"""An artifact's directory: round trip, damage, and saves that do not finish."""

import struct
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from artifacts import store
from artifacts.artifact import RoutingArtifact, arrays_digest, arrays_of
from artifacts.errors import ArtifactError, BadInput
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.policy import PaperPolicy
from artifacts.profiles import TABLES
from artifacts.store import load, save
from tests.artifacts.hand_made import altered


def write(directory: Path, artifact: RoutingArtifact, arrays: dict) -> None:
    """The arrays with a manifest whose digest is theirs."""
    np.savez(directory / "arrays.npz", **arrays)
    changes = {"artifact_id": arrays_digest(arrays)}
    manifest = artifact.manifest.model_copy(update=changes)
    (directory / "manifest.json").write_text(manifest.model_dump_json())


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


def test_what_is_saved_while_another_is_read_is_read_instead(
    artifact, tmp_path, monkeypatch
):
    old, new = artifact, altered(artifact)
    save(old, tmp_path / "a")
    read = store.read_arrays

    def replaced(path: Path, artifact_id: str) -> dict:
        monkeypatch.setattr(store, "read_arrays", read)
        save(new, tmp_path / "a")
        return read(path, artifact_id)

    monkeypatch.setattr(store, "read_arrays", replaced)

    assert load(tmp_path / "a").artifact_id == new.artifact_id != old.artifact_id


def test_changed_arrays_are_refused(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    with np.load(tmp_path / "a" / "arrays.npz") as archive:
        arrays = dict(archive)
    arrays["accuracy"][0, 0] += 0.1
    np.savez(tmp_path / "a" / "arrays.npz", **arrays)

    with pytest.raises(ArtifactError, match="digest"):
        load(tmp_path / "a")


@pytest.mark.parametrize("part", [0.001, 0.3, 0.6, 0.9])
def test_arrays_damaged_anywhere_are_refused(artifact, tmp_path, part):
    save(artifact, tmp_path / "a")
    path = tmp_path / "a" / "arrays.npz"
    data = bytearray(path.read_bytes())
    start = int(part * len(data))
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)

    with pytest.raises(ArtifactError, match="not a readable archive") as error:
        load(tmp_path / "a")
    assert str(path) in str(error.value)


def test_a_broken_compressed_stream_is_refused(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    path = tmp_path / "a" / "arrays.npz"
    data = bytearray(path.read_bytes())
    # A local zip header ends with the lengths of the name and the extra field.
    start = 30 + sum(struct.unpack("<HH", data[26:30]))
    data[start] = 0xFF  # a deflate block of the reserved type
    path.write_bytes(data)

    with pytest.raises(ArtifactError, match="decompressing"):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    ("offset", "value", "what"),
    [
        (6, 99, "file version 9.9"),
        (8, 1, "is encrypted"),
        (8, 32, "compressed patched data"),
        (10, 14, "not a readable archive"),  # lzma, whose exception is its own
        (10, 98, "method is not supported"),
    ],
)
def test_a_wrong_byte_of_the_archives_directory_is_refused(
    artifact, tmp_path, offset, value, what
):
    save(artifact, tmp_path / "a")
    path = tmp_path / "a" / "arrays.npz"
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\1\2") + offset] = value  # the entry of the last array
    path.write_bytes(data)

    with pytest.raises(ArtifactError, match=what):
        load(tmp_path / "a")


def test_a_broken_header_of_an_array_is_refused(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    path = tmp_path / "a" / "arrays.npz"
    header = b"{'descr': '<f4', 'shape': (\n"  # its bracket is never closed
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    with ZipFile(path, "w") as archive:
        archive.writestr("centroids.npy", head + header)

    with pytest.raises(ArtifactError, match="not a readable archive"):
        load(tmp_path / "a")


def test_what_would_unpack_to_many_times_its_size_is_not_unpacked(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    path = tmp_path / "a" / "arrays.npz"
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (18350080,), }"
    with (
        ZipFile(path, "w", ZIP_DEFLATED) as archive,
        archive.open("centroids.npy", "w") as file,
    ):
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        for _ in range(70):
            file.write(bytes(2**20))

    with pytest.raises(ArtifactError, match=r"not a readable archive: \d+ bytes that"):
        load(tmp_path / "a")


@pytest.mark.parametrize("file", ["manifest.json", "arrays.npz"])
def test_an_absent_file_is_named(artifact, tmp_path, file):
    save(artifact, tmp_path / "a")
    (tmp_path / "a" / file).unlink()

    with pytest.raises(ArtifactError, match=f"{file}: No such file"):
        load(tmp_path / "a")


def test_a_single_array_is_no_archive(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    with (tmp_path / "a" / "arrays.npz").open("wb") as file:
        np.save(file, artifact.centroids)

    with pytest.raises(ArtifactError, match=r"arrays\.npz: a single array"):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("centroids", lambda array: array[:-1], "centroids: float32"),
        ("centroids", lambda array: array.astype(np.float64), "centroids: float32"),
        ("centroids", lambda array: array * np.float32(2), "not of unit length"),
        ("accuracy", lambda array: array[:, :-1], "accuracy: shape differs"),
        ("accuracy", lambda array: array + np.inf, "accuracy: not finite"),
        ("prior_cost_usd", lambda array: array.T, "prior_cost_usd: shape differs"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_even_with_a_right_digest(
    artifact, tmp_path, name, change, what
):
    arrays = arrays_of(artifact.centroids, artifact.profiles)
    arrays[name] = change(arrays[name])
    write(tmp_path, artifact, arrays)

    with pytest.raises(ArtifactError, match=what) as error:
        load(tmp_path)
    assert str(error.value).startswith(str(tmp_path / "arrays.npz"))


@pytest.mark.parametrize(
    "change", [lambda table: table[:, 0], lambda table: np.stack([table, table], -1)]
)
def test_tables_that_are_none_are_refused(artifact, tmp_path, change):
    profiles = replace(artifact.profiles, smoother=None)
    arrays = arrays_of(artifact.centroids, profiles)
    arrays |= {name: change(arrays[name]) for name in TABLES}
    paper = artifact.manifest.model_copy(update={"policy": PaperPolicy()})
    write(tmp_path, replace(artifact, manifest=paper), arrays)

    with pytest.raises(ArtifactError, match=r"arrays\.npz: count: clusters × models"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["centroids", "count"])
def test_a_missing_array_is_named(artifact, tmp_path, name):
    arrays = arrays_of(artifact.centroids, artifact.profiles)
    del arrays[name]
    write(tmp_path, artifact, arrays)

    with pytest.raises(ArtifactError, match=name):
        load(tmp_path)


def test_an_unknown_array_is_named(artifact, tmp_path):
    arrays = arrays_of(artifact.centroids, artifact.profiles)
    write(tmp_path, artifact, {**arrays, "bonus": arrays["accuracy"]})

    with pytest.raises(ArtifactError, match="bonus"):
        load(tmp_path)


def test_a_file_in_the_way_is_kept(artifact, tmp_path):
    (tmp_path / "a").write_text("precious")

    with pytest.raises(ArtifactError, match="Not a directory"):
        save(artifact, tmp_path / "a")

    assert (tmp_path / "a").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_link_goes_on_pointing_to_its_directory(artifact, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    save(artifact, tmp_path / "link")

    assert (tmp_path / "link").is_symlink()
    assert load(tmp_path / "real").artifact_id == artifact.artifact_id
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_what_would_not_load_is_not_saved(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    profiles = artifact.profiles
    endless = replace(profiles, cost_usd=profiles.cost_usd + np.inf)

    with pytest.raises(BadInput, match="nor saved: cost_usd: not finite everywhere"):
        save(replace(artifact, profiles=endless), tmp_path / "a")

    assert load(tmp_path / "a").artifact_id == artifact.artifact_id


def test_a_save_that_fails_leaves_the_old_artifact(artifact, tmp_path):
    save(artifact, tmp_path / "a")
    before = (tmp_path / "a" / "manifest.json").read_bytes()

    with pytest.raises(ArtifactError):
        save(artifact, tmp_path / "a", encoder_directory=tmp_path / "nowhere")

    assert (tmp_path / "a" / "manifest.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
