"""The graph of the bundled encoder: traced, fused, quantised."""

from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model
from transformers import BertModel

_AXES = {0: "batch", 1: "length"}


class _HiddenStates(torch.nn.Module):
    """The graph's signature: ids and mask in, last hidden states out."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        output = self.bert(
            input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids)
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden


def export_graph(weights: Path, target: Path) -> None:
    """The fp32 graph, as torch traces it."""
    # Eager attention: the optimizer knows its pattern and fuses it.
    bert = BertModel.from_pretrained(
        weights, attn_implementation="eager", add_pooling_layer=False
    ).eval()
    ids = torch.tensor([[101, 2023, 2003, 102], [101, 2054, 102, 0]])
    torch.onnx.export(
        _HiddenStates(bert),
        (ids, (ids != 0).long()),
        target,
        input_names=["input_ids", "attention_mask"],
        output_names=["last_hidden_state"],
        dynamic_axes=dict.fromkeys(
            ["input_ids", "attention_mask", "last_hidden_state"], _AXES
        ),
        opset_version=17,
        dynamo=False,  # the optimizer fuses no attention in the other exporter's graph
    )


def fuse(source: Path, target: Path) -> None:
    """Attention, GELU and layer norm become one operator each."""
    fused = optimize_model(
        str(source), model_type="bert", num_heads=12, hidden_size=384, opt_level=0
    )
    found = fused.get_fused_operator_statistics()
    if (found["Attention"], found["EmbedLayerNormalization"]) != (6, 1):
        raise RuntimeError(f"the optimizer fused less than expected: {found}")
    fused.save_model_to_file(str(target))


def quantize(source: Path, target: Path) -> None:
    """int8 weights, one scale per column; activations get theirs at run time.

    Seven bits in products (reduce_range): with eight, CPUs without VNNI saturate
    inside them, and an artifact would route otherwise there than where it was fitted.
    """
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Attention", "EmbedLayerNormalization"],
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
