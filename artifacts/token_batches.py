"""Which texts are encoded together. A batch costs its rows × its longest text."""

from collections.abc import Iterator, Sequence

# Where that share of the budget is not reached, padding is for nothing: a GPU reads all
# weights for one short text too.
_FREE_SHARE = 1 / 16
_MOST_STRETCH = 2  # a longer batch pads no text to more than so many times its length
_SHORTEST = 16  # tokens; of the shapes that are warmed up


def batches_by_tokens(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices grouped by like length, longest first.

    A group's row count times its longest length is at most `budget`; a single text
    longer than that stands alone. Longest first, so that memory runs out at once or
    not at all.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def next_batch(lengths: Sequence[int], budget: int) -> list[int]:
    """Indices of the texts that go next of those that wait, oldest first.

    The oldest always goes, so none waits for ever; with it go those that are nearest
    to it in length, as long as rows × longest stays within `budget` and little of that
    is padding. A text longer than the budget goes alone.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    low = high = order.index(0)
    while True:
        sides = [side for side in (low - 1, high + 1) if 0 <= side < len(order)]
        sides.sort(key=lambda side: abs(lengths[order[side]] - lengths[0]))
        for side in sides:
            first, last = min(low, side), max(high, side)
            shortest, longest = lengths[order[first]], lengths[order[last]]
            if _fits(last - first + 1, shortest, longest, budget):
                low, high = first, last
                break
        else:
            return sorted(order[low : high + 1])


def _fits(rows: int, shortest: int, longest: int, budget: int) -> bool:
    size = rows * longest
    like = longest <= _MOST_STRETCH * shortest
    return size <= budget and (like or size <= budget * _FREE_SHARE)


def batch_shapes(max_tokens: int, budget: int) -> list[tuple[int, int]]:
    """(rows, length) that stand for all batches, the largest first.

    Full batches and single texts, of lengths that double from 16 to `max_tokens`.
    """
    lengths = [max_tokens]
    while lengths[-1] // 2 >= _SHORTEST:
        lengths.append(lengths[-1] // 2)
    full = [(max(1, budget // length), length) for length in lengths]
    return [*full, *((1, length) for length in lengths if budget >= 2 * length)]
