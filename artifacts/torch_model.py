"""A sentence-transformers model, loaded and found to be what its description says."""

from typing import TYPE_CHECKING

from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import ArtifactError, EncoderMismatch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_POOLING = {"mean": "mean", "last": "lasttoken"}


def _device(name: str) -> str:
    import torch

    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_model(spec: EncoderSpec, source: str, device: str) -> "SentenceTransformer":
    """ArtifactError when it cannot be loaded from there; see `check_model`."""
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        what = f"its encoder needs {error.name}, which is not installed"
        raise ArtifactError(source, f"{what} (docs/embedder.md)") from None
    device = _device(device)
    try:
        model = SentenceTransformer(
            source,
            revision=spec.revision if source == spec.id else None,
            device=device,
            model_kwargs={
                "dtype": getattr(torch, spec.dtype),
                "attn_implementation": _attention(spec, device),
            },
            # One pass over each text: keys and values are of no use to anyone later.
            config_kwargs={"use_cache": False},
        )
    # Nowhere, another revision, damaged weights, too small a GPU or none: each of the
    # libraries has its own.
    except Exception as error:  # noqa: BLE001
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ArtifactError(source, f"the encoder cannot be loaded: {why}") from None
    return model.eval()


def _attention(spec: EncoderSpec, device: str) -> str:
    """FlashAttention 2 where it can run, else torch's own."""
    from transformers.utils.import_utils import is_flash_attn_2_available

    half = spec.dtype == "bfloat16"
    flash = half and device.startswith("cuda") and is_flash_attn_2_available()
    return "flash_attention_2" if flash else "sdpa"


def check_model(model: "SentenceTransformer", spec: EncoderSpec) -> None:
    """EncoderMismatch names what differs."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    found = {
        "dimension": (model.get_embedding_dimension(), spec.dimension),
        "pooling": (
            next((m.pooling_mode for m in model if isinstance(m, Pooling)), None),
            _POOLING[spec.pooling],
        ),
    }
    for name, (actual, wanted) in found.items():
        if actual != wanted:
            raise EncoderMismatch(f"{spec.id}: {name} is {actual}, not {wanted}")
