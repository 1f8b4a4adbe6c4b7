from pathlib import Path

import pytest

from artifacts.encoder_spec import EncoderSpec, files_digest
from artifacts.errors import ArtifactError

VALID: dict[str, object] = {
    "kind": "onnx",
    "id": "a-model",
    "revision": None,
    "dimension": 384,
    "max_tokens": 256,
    "pooling": "mean",
    "prompt": "",
    "dtype": "int8",
    "digest": "0" * 64,
}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"digest": None}, "an ONNX encoder needs a digest"),
        ({"kind": "sentence-transformers"}, "cannot run int8 weights"),
        ({"dimension": 0}, "greater than 0"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_spec_that_describes_no_encoder_is_refused(
    changes: dict[str, object], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        EncoderSpec.model_validate(VALID | changes)


def test_the_digest_covers_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    digest = files_digest(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "note").write_bytes(b"hidden")
    assert files_digest(tmp_path) == digest

    (tmp_path / "a").rename(tmp_path / "b")
    assert files_digest(tmp_path) != digest


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model\.onnx: No such file"):
        files_digest(tmp_path, ["model.onnx"])


def test_differences_name_each_field() -> None:
    spec = EncoderSpec.model_validate(VALID)
    other = spec.model_copy(update={"dimension": 768, "pooling": "last"})

    assert spec.differences(spec) == []
    assert spec.differences(other) == [
        "dimension: 384 != 768",
        "pooling: 'mean' != 'last'",
    ]
