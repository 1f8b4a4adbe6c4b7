"""Which texts are encoded together."""

import pytest

from artifacts.token_batches import batch_shapes, batches_by_tokens, next_batch


@pytest.mark.parametrize(
    ("lengths", "budget", "batches"),
    [
        ([], 10, []),
        ([5, 2, 5, 3], 10, [[0, 2], [3, 1]]),
        ([4, 4, 4], 8, [[0, 1], [2]]),
        ([50, 1], 10, [[0], [1]]),
    ],
)
def test_batches_hold_like_lengths_within_the_budget(
    lengths: list[int], budget: int, batches: list[list[int]]
) -> None:
    assert list(batches_by_tokens(lengths, budget)) == batches


@pytest.mark.parametrize(
    ("lengths", "budget", "batch"),
    [
        ([7], 10, [0]),
        ([50, 1, 1], 10, [0]),  # longer than the budget: alone
        ([20, 300, 21, 19, 310], 100, [0, 2, 3]),
        ([300, 20, 21, 290, 310], 640, [0, 3]),  # the nearest first
        ([40, 21, 80, 19], 1000, [0, 1]),  # nothing more than doubled
        ([40, 2, 2, 2], 16 * 160, [0, 1, 2, 3]),  # little: padding is for nothing
        ([4, 4, 4], 8, [0, 1]),
    ],
)
def test_the_oldest_goes_with_those_of_its_length(
    lengths: list[int], budget: int, batch: list[int]
) -> None:
    assert next_batch(lengths, budget) == batch


def test_whoever_waits_is_served_in_the_end() -> None:
    lengths = [7 * n % 97 + 1 for n in range(200)]
    served = 0
    while lengths:
        batch = next_batch(lengths, 256)
        assert len(batch) * max(lengths[i] for i in batch) <= 256
        lengths = [length for i, length in enumerate(lengths) if i not in batch]
        served += len(batch)

    assert served == 200


def test_shapes_to_warm_up_cover_full_batches_and_single_texts() -> None:
    assert batch_shapes(64, 128) == [
        *((2, 64), (4, 32), (8, 16)),
        *((1, 64), (1, 32), (1, 16)),
    ]
    assert batch_shapes(64, 32) == [(1, 64), (1, 32), (2, 16), (1, 16)]
