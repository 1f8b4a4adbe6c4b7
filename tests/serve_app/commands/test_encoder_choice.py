"""Which encoder a fit is for."""

from pathlib import Path

import pytest

from artifacts.errors import BadInput
from serve_app.commands.encoder_choice import chosen_encoder
from tests.artifacts.hand_made import bundled


def test_unless_told_it_is_the_bundled_one():
    encoder, directory = chosen_encoder(None)

    assert encoder.spec.kind == "onnx"
    assert directory == bundled() / "encoder"


def test_a_directory_s_encoder_goes_into_the_artifact():
    _, directory = chosen_encoder(str(bundled() / "encoder"))

    assert directory == bundled() / "encoder"


@pytest.mark.parametrize(
    ("choice", "what"),
    [
        ("qwen3-embedding-8b", "state the commit, qwen3-embedding-8b@REVISION"),
        ("qwen3-embedding-8b@", "state the commit"),
        ("/nowhere", "no encoder.json there; or qwen3-embedding-8b@REVISION"),
    ],
)
def test_what_is_no_encoder_is_refused_in_one_line(choice, what):
    with pytest.raises(BadInput, match=what):
        chosen_encoder(choice)


@pytest.mark.train
def test_an_artifact_may_hold_a_sentence_transformers_model(tmp_path: Path):
    pytest.importorskip("sentence_transformers")
    from scripts.tiny_artifact import make_artifact

    make_artifact(tmp_path / "artifact", ["a", "b"], max_tokens=64)
    directory = tmp_path / "artifact" / "encoder"
    encoder, to_copy = chosen_encoder(str(directory))

    assert (encoder.spec.pooling, encoder.spec.max_tokens) == ("last", 64)
    assert to_copy == directory
