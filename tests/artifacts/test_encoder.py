import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import artifacts
from artifacts.encoder import OnnxEncoder, load_encoder
from artifacts.encoder_spec import files_digest
from artifacts.errors import ArtifactError, EncoderMismatch
from artifacts.onnx_encoder import MODEL_FILES, read_spec

DIRECTORY = Path(artifacts.__file__).parent / "default" / "encoder"

TEXTS = [
    "Solve 3x + 5 = 20.",
    "",
    "Write a Python function that reverses a linked list. " * 20,
    "日本の首都はどこですか",
    "Which enzyme unwinds DNA during replication?",
]


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(DIRECTORY)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return shutil.copytree(DIRECTORY, tmp_path / "encoder")


def test_rows_have_unit_length(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(TEXTS)

    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_no_rows(encoder: OnnxEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: OnnxEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])
    reversed_order = encoder.encode(TEXTS[::-1])[::-1]

    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, reversed_order)


def test_a_vector_does_not_depend_on_the_thread_count(encoder: OnnxEncoder) -> None:
    two = OnnxEncoder(DIRECTORY, threads=2)

    np.testing.assert_allclose(two.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)


def test_threads_may_share_one_encoder(encoder: OnnxEncoder) -> None:
    expected = encoder.encode(TEXTS)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(encoder.encode, [TEXTS] * 8))

    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_like_texts_are_closer_than_unlike_ones(encoder: OnnxEncoder) -> None:
    maths, algebra, biology = encoder.encode(
        [
            "Solve 3x + 5 = 20 for x.",
            "What is x if 2x - 4 = 10?",
            "Which enzyme unwinds DNA during replication?",
        ]
    )

    assert maths @ algebra > maths @ biology + 0.3


def test_a_long_text_keeps_its_tail_and_loses_its_middle(encoder: OnnxEncoder) -> None:
    head, middle, tail = "first " * 300, "second " * 300, "third " * 300
    base, other_middle, other_tail, other_head = encoder.encode(
        [
            head + middle + tail,
            head + "changed " * 300 + tail,
            head + middle + "changed " * 300,
            "changed " * 300 + middle + tail,
        ]
    )

    np.testing.assert_array_equal(base, other_middle)
    assert base @ other_tail < 0.95
    assert base @ other_head < 0.95


def test_a_huge_text_is_read_at_both_ends_only(encoder: OnnxEncoder) -> None:
    head, filler, tail = "a " * 200, "lorem ipsum " * 900_000, "b " * 200
    other_filler = "dolor sit " * 1_100_000
    assert len(filler) > 10 << 20

    first, second, third = encoder.encode(
        [head + filler + tail, head + other_filler + tail, head + filler + "c " * 200]
    )

    np.testing.assert_array_equal(first, second)
    assert first @ third < 0.999


@pytest.mark.parametrize(
    "text",
    [" \t\n", "\x00\x01", "\ud800 lone surrogate", "x" * 100_000, "\u0301" * 1000],
    ids=["spaces", "controls", "surrogate", "one long word", "marks only"],
)
def test_odd_texts_have_vectors(encoder: OnnxEncoder, text: str) -> None:
    [vector] = encoder.encode([text])

    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_the_prompt_stands_before_each_text(copied: Path, encoder: OnnxEncoder) -> None:
    spec = encoder.spec.model_copy(update={"prompt": "query: "})
    (copied / "encoder.json").write_text(spec.model_dump_json(), encoding="utf-8")

    prompted = OnnxEncoder(copied).encode(["what is a prime?"])

    np.testing.assert_array_equal(prompted, encoder.encode(["query: what is a prime?"]))


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_an_altered_file_is_refused(copied: Path, name: str) -> None:
    with (copied / name).open("ab") as file:
        file.write(b" ")

    with pytest.raises(ArtifactError, match="digest of model"):
        OnnxEncoder(copied)


@pytest.mark.parametrize("name", ["encoder.json", "model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()

    with pytest.raises(ArtifactError, match=f"{name}: No such file"):
        OnnxEncoder(copied)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "content: Invalid JSON"),
        ("{}", "kind: Field required"),
        (b"\xff", "content: Invalid JSON"),
    ],
)
def test_an_unusable_description_is_refused(
    copied: Path, content: str | bytes, what: str
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (copied / "encoder.json").write_bytes(data)

    with pytest.raises(ArtifactError, match=f"encoder.json: {what}"):
        OnnxEncoder(copied)


def rewritten(directory: Path, name: str, content: bytes) -> Path:
    """With another file, and the digest that goes with it."""
    (directory / name).write_bytes(content)
    digest = files_digest(directory, MODEL_FILES)
    spec = read_spec(directory).model_copy(update={"digest": digest})
    (directory / "encoder.json").write_text(spec.model_dump_json(), encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.onnx", b"of a newer runtime"), ("tokenizer.json", b'{"a": 1}')],
)
def test_a_file_that_its_library_refuses_is_named(
    copied: Path, name: str, content: bytes
) -> None:
    with pytest.raises(ArtifactError, match=f"{name}: it cannot be used: "):
        OnnxEncoder(rewritten(copied, name, content))


def test_a_graph_that_wants_what_no_text_has_is_refused(copied: Path) -> None:
    graph = (copied / "model.onnx").read_bytes()
    graph = graph.replace(b"attention_mask", b"attention_bias")

    with pytest.raises(ArtifactError, match=r"model\.onnx: it wants 'attention_bias'"):
        OnnxEncoder(rewritten(copied, "model.onnx", graph))


def test_a_dimension_that_the_graph_does_not_have_is_refused(copied: Path) -> None:
    text = (copied / "encoder.json").read_text(encoding="utf-8")
    (copied / "encoder.json").write_text(text.replace("384", "768"), encoding="utf-8")

    with pytest.raises(ArtifactError, match=r"dimension 768, but model.onnx gives 384"):
        OnnxEncoder(copied)


def test_a_manifest_loads_its_encoder(encoder: OnnxEncoder) -> None:
    loaded = load_encoder(encoder.spec, DIRECTORY)

    assert loaded.spec == encoder.spec
    np.testing.assert_array_equal(loaded.encode(["hi"]), encoder.encode(["hi"]))


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("digest", "0" * 64, "digest: '000"),
        ("max_tokens", 128, "max_tokens: 128 != 256"),
        ("prompt", "query: ", "prompt: 'query: ' != ''"),
    ],
)
def test_another_encoder_than_the_manifests_is_refused(
    encoder: OnnxEncoder, field: str, value: str | int, what: str
) -> None:
    wanted = encoder.spec.model_copy(update={field: value})

    with pytest.raises(EncoderMismatch, match=what):
        load_encoder(wanted, DIRECTORY)
