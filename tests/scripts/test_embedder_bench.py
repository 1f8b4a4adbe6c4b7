"""What scripts/bench/embedder makes of its figures."""

import pytest

from scripts.bench.chips import peak_flops
from scripts.bench.embedder_load import MIXED, Speed, advice
from scripts.tiny_embedder import QWEN3_8B, parameters


def speed(texts_per_s: float, tokens: int = MIXED, budget: int = 4096) -> Speed:
    return Speed("e", budget, tokens, texts_per_s, 1.0, None, 1.0)


def test_the_advice_rests_on_the_fastest_with_mixed_lengths():
    said = advice([speed(400), speed(900, tokens=32), speed(500, budget=8192)], 0.5)

    assert (said.budget, said.texts_per_s) == (8192, 500)
    assert (said.max_ongoing_requests, said.target_ongoing_requests) == (250, 125)


def test_a_slow_encoder_still_takes_one_request():
    said = advice([speed(0.3)], 0.5)

    assert (said.max_ongoing_requests, said.target_ongoing_requests) == (1, 1)


@pytest.mark.parametrize(
    ("device", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989.5),
        ("NVIDIA H200", 989.5),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("CPU", None),
    ],
)
def test_the_peak_is_the_dense_one(device, tflops):
    assert peak_flops(device) == (None if tflops is None else tflops * 1e12)


def test_the_weights_of_a_layer_are_counted_but_no_embedding():
    # 36 × (4096·128·(2·32 + 2·8) + 3·4096·12288)
    assert parameters(QWEN3_8B) == 6_945_767_424
