"""A Qwen3 embedding model of any size with random weights: vectors without meaning, the
real code path. It needs no model hub.

Files are those of Qwen3-Embedding-8B on its hub, so both engines read them alike: last
token pooled, `<|endoftext|>` appended to each text, padding on the left.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from artifacts.encoder_spec import EncoderSpec, files_digest
from scripts.tiny_model import byte_pairs

PROMPT = "Instruct: Tell what it is about\nQuery:"
TINY = {
    "vocab_size": 2048,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 4096,
}
# huggingface.co/Qwen/Qwen3-Embedding-8B, config.json
QWEN3_8B = {
    "vocab_size": 151_665,
    "hidden_size": 4096,
    "intermediate_size": 12_288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "rope_theta": 1_000_000,
}
_END = "<|endoftext|>"
_MODULES = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))


def make_embedder(
    directory: Path,
    size: Mapping[str, float] = TINY,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
) -> Path:
    """Write config, weights and tokenizer; the same seed gives the same weights."""
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_with_end(byte_pairs()),
        eos_token=_END,
        pad_token=_END,
        padding_side="left",
        model_max_length=int(size["max_position_embeddings"]),
    )
    end = tokenizer.pad_token_id
    config = Qwen3Config(**size, eos_token_id=end, pad_token_id=end)
    config.dtype = dtype
    torch.manual_seed(seed)
    # Made where it is to run: eight billion random numbers take a CPU minutes.
    with torch.device(device):
        model = Qwen3Model(config).to(getattr(torch, dtype))
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    _write_modules(directory, int(size["hidden_size"]))
    return directory


def spec_of(
    directory: Path,
    size: Mapping[str, float] = TINY,
    *,
    max_tokens: int,
    dtype: str = "float32",
) -> EncoderSpec:
    """What an artifact would say of the model in `directory`."""
    return EncoderSpec.model_validate(
        {
            "kind": "sentence-transformers",
            "id": "random/qwen3-embedding",
            "revision": None,
            "dimension": size["hidden_size"],
            "max_tokens": max_tokens,
            "pooling": "last",
            "prompt": PROMPT,
            "dtype": dtype,
            "digest": files_digest(directory),
        }
    )


def parameters(size: Mapping[str, float]) -> int:
    """Weights that take part in every token: all but the embedding table."""
    width, inner = int(size["hidden_size"]), int(size["intermediate_size"])
    heads, kv = int(size["num_attention_heads"]), int(size["num_key_value_heads"])
    head = int(size["head_dim"])
    attention = width * head * (2 * heads + 2 * kv)
    return int(size["num_hidden_layers"]) * (attention + 3 * width * inner)


def flop_per_token(size: Mapping[str, float]) -> int:
    """To embed one: 2 for each of those weights; attention's products are left out."""
    return 2 * parameters(size)


def _with_end(tokenizer):  # type: ignore[no-untyped-def]  # tokenizers has no stubs
    from tokenizers.processors import TemplateProcessing

    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {_END}", special_tokens=[(_END, tokenizer.token_to_id(_END))]
    )
    return tokenizer


def _write_modules(directory: Path, width: int) -> None:
    """What sentence-transformers saves beside a transformer."""
    modules = [
        {
            "idx": place,
            "name": str(place),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for place, (path, kind) in enumerate(_MODULES)
    ]
    pooling = {
        "word_embedding_dimension": width,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": False,
        "pooling_mode_lasttoken": True,
        "include_prompt": True,
    }
    for path, _ in _MODULES[1:]:
        (directory / path).mkdir(exist_ok=True)
    (directory / "modules.json").write_text(json.dumps(modules, indent=1))
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a random Qwen3 embedder.")
    parser.add_argument("directory", type=Path)
    print(make_embedder(parser.parse_args().directory))
