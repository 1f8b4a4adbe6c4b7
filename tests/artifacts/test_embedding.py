"""Embedding: each text once, in order, kept on disk, and picked up after a kill."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from artifacts.embedding import embed
from artifacts.encoder import OnnxEncoder
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import ArtifactError, BadInput, EncoderMismatch
from artifacts.vector_store import opened
from tests.artifacts.hand_made import SPEC

ROOT = Path(__file__).parents[2]
ENCODER = ROOT / "artifacts" / "default" / "encoder"
TEXTS = tuple(f"text {i}" for i in range(1000))


@dataclass
class Counting:
    """Two values for each text, not of unit length; remembers what it was given."""

    spec: EncoderSpec = SPEC
    seen: list[str] = field(default_factory=list)

    def encode(self, texts):
        self.seen += texts
        return np.array([[len(text), sum(map(ord, text))] for text in texts], "f4")


def test_rows_are_of_unit_length_and_in_order():
    rows = embed(("a", "bb", "a", "ccc"), Counting())

    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    assert (rows[:, 1] / rows[:, 0]).tolist() == pytest.approx([97, 98, 97, 99])


@pytest.mark.parametrize("kept", [False, True])
def test_a_text_that_occurs_twice_is_embedded_once(tmp_path, kept):
    encoder = Counting()

    rows = embed(("a", "b", "a"), encoder, folder=tmp_path / "e" if kept else None)

    assert encoder.seen == ["a", "b"]
    assert rows[0].tolist() == rows[2].tolist() != rows[1].tolist()


def test_progress_starts_where_the_folder_ends(tmp_path):
    said: list[tuple[int, int]] = []
    embed(TEXTS[:300], Counting(), folder=tmp_path)

    embed(TEXTS, Counting(), lambda done, total: said.append((done, total)))
    embed(TEXTS, Counting(), lambda *now: said.append(now), folder=tmp_path)

    assert said[:4] == [(256, 1000), (512, 1000), (768, 1000), (1000, 1000)]
    assert said[4:] == [(300, 1000), (556, 1000), (812, 1000), (1000, 1000)]


def test_other_records_in_another_order_use_what_is_there(tmp_path):
    first = embed(TEXTS[:10], Counting(), folder=tmp_path)
    encoder = Counting()

    mixed = embed((*TEXTS[5:0:-1], "new"), encoder, folder=tmp_path)

    assert encoder.seen == ["new"]
    assert np.array_equal(mixed[:5], first[5:0:-1])


def test_the_folder_changes_no_bit(tmp_path):
    assert np.array_equal(
        embed(TEXTS, Counting()), embed(TEXTS, Counting(), folder=tmp_path)
    )


def test_threads_change_no_bit():
    encoder = OnnxEncoder(ENCODER)
    texts = tuple(f"What is {i} times {i * i}?" for i in range(20))

    assert np.array_equal(
        embed(texts, encoder, threads=3), embed(texts, encoder, threads=1)
    )


def test_rows_in_the_order_of_the_file_stay_on_the_disk(tmp_path):
    embed(TEXTS, Counting(), folder=tmp_path)

    mapped = embed(TEXTS[:700], Counting(), folder=tmp_path)

    assert isinstance(mapped.base, np.memmap)
    assert not mapped.flags.writeable


@pytest.mark.parametrize("file", ["vectors.f32", "texts.sha256"])
@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_row_is_made_again(tmp_path, file, cut):
    whole = embed(TEXTS[:20], Counting(), folder=tmp_path).copy()
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:-cut])
    encoder = Counting()

    again = embed(TEXTS[:20], encoder, folder=tmp_path)

    assert np.array_equal(again, whole)
    assert 1 <= len(encoder.seen) <= 5
    assert encoder.seen == list(TEXTS[20 - len(encoder.seen) : 20])


def test_vectors_of_another_encoder_are_refused(tmp_path):
    embed(("a",), Counting(), folder=tmp_path)
    other = Counting(SPEC.model_copy(update={"digest": "1" * 64}))

    with pytest.raises(EncoderMismatch, match="another encoder: digest: "):
        embed(("a",), other, folder=tmp_path)


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")

    with pytest.raises(ArtifactError, match="not a folder of embeddings"):
        embed(("a",), Counting(), folder=tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_manifest_is_named(tmp_path):
    embed(("a",), Counting(), folder=tmp_path)
    (tmp_path / "vectors.json").write_text("{}")

    with pytest.raises(ArtifactError, match=r"vectors\.json: encoder: Field required"):
        embed(("a",), Counting(), folder=tmp_path)


def test_two_at_once_are_refused(tmp_path):
    with (
        opened(tmp_path, SPEC),
        pytest.raises(ArtifactError, match="another process is embedding"),
    ):
        embed(("a",), Counting(), folder=tmp_path)


def test_a_vector_without_direction_is_bad_input(tmp_path):
    class Zeros(Counting):
        def encode(self, texts):
            return np.zeros((len(texts), 2), np.float32)

    with pytest.raises(BadInput, match=r"embedding 'a' and .* no direction"):
        embed(("a", "b"), Zeros(), folder=tmp_path)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (MemoryError(), "none is left"),
        (RuntimeError("CUDA out of memory.\nTried 2 GiB"), "CUDA out of memory. Tried"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "DefaultCPU"),
        (Exception("Failed to allocate memory for requested buffer"), "Failed to"),
    ],
)
def test_memory_that_runs_out_is_said_in_one_line(tmp_path, kept, error, why):
    class Greedy(Counting):
        def encode(self, texts):
            raise error

    with pytest.raises(MemoryError, match=f"^embedding 'a' .* 'b': {why}") as caught:
        embed(("a", "b"), Greedy(), folder=tmp_path if kept else None)
    assert "\n" not in str(caught.value)


def test_another_error_of_an_encoder_is_left_as_it_is():
    class Broken(Counting):
        def encode(self, texts):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match=r"^a bug$"):
        embed(("a",), Broken())


EMBEDDING = """
import sys, time
from pathlib import Path
import numpy as np
from artifacts.embedding import embed
from tests.artifacts.test_embedding import TEXTS, Counting

class Logging(Counting):
    def encode(self, texts):
        if len(log.read_text().splitlines()) == int(sys.argv[3]):
            print("busy", flush=True)
            time.sleep(3600)
        with log.open("a") as file:
            file.write("".join(text + "\\n" for text in texts))
        return super().encode(texts)

log = Path(sys.argv[2])
rows = embed(TEXTS, Logging(), folder=Path(sys.argv[1]))
np.save(sys.argv[4], rows)
"""


def embedding(folder: Path, hang_at: int) -> subprocess.Popen[str]:
    """A process that embeds TEXTS, and hangs in the encoder after `hang_at` texts."""
    log, out = folder / "log", folder / "rows.npy"
    log.touch()
    paths = folder / "embeddings", log, hang_at, out
    command = [sys.executable, "-c", EMBEDDING, *map(str, paths)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_leaves_its_finished_work_to_the_next(tmp_path):
    for hang_at in (256, 768):
        with embedding(tmp_path, hang_at) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "busy\n"
            process.kill()
    with embedding(tmp_path, -1) as process:
        process.communicate()

    assert process.returncode == 0
    assert (tmp_path / "log").read_text().splitlines() == list(TEXTS)
    rows = np.load(tmp_path / "rows.npy")
    assert rows.tobytes() == embed(TEXTS, Counting()).tobytes()
    manifest = json.loads((tmp_path / "embeddings" / "vectors.json").read_text())
    assert manifest["encoder"]["id"] == "hand-made"


def test_a_process_is_refused_while_another_embeds(tmp_path):
    with embedding(tmp_path, 0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(ArtifactError, match="another process is embedding"):
            embed(TEXTS, Counting(), folder=tmp_path / "embeddings")
        process.kill()
